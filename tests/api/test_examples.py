"""The files in examples/ are good ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from reconstruction_api import names
from reconstruction_api.validation import parse_job, parse_profile

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


def documents(file: Path) -> list[str]:
    """The objects of this API in a file; what else it holds (a claim, a namespace) is not ours to check."""
    texts = [text for text in file.read_text(encoding="utf-8").split("\n---\n") if yaml.safe_load(text)]
    return [text for text in texts if yaml.safe_load(text)["apiVersion"] == names.API_VERSION]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_valid(file: Path):
    found = documents(file)
    assert found, f"{file.name} holds no object of this API"
    for text in found:
        parse = parse_job if yaml.safe_load(text)["kind"] == names.JOB_KIND else parse_profile
        assert parse(text).metadata.name


def test_there_is_an_example_of_a_job_and_of_a_profile():
    assert {"statue.yaml", "profile-default.yaml"} <= {file.name for file in EXAMPLES}
