"""`recon artifacts`: what a job delivered."""

from __future__ import annotations

import json

import pytest
from tests.cli.cluster.conftest import Museum, artifact, condition
from tests.cli.conftest import Recon

pytestmark = pytest.mark.cluster


def test_each_artifact_has_a_line_with_size_and_whole_checksum(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(artifacts=[artifact("model.glb", b"x" * 1500, sha256="ab" * 32), artifact("report.html")])
    header, model, report = recon("artifacts", "statue").out.splitlines()
    assert header.split() == ["NAME", "FORMAT", "SIZE", "SHA256"]
    assert model.split() == ["model.glb", "GLB", "1.5", "kB", "ab" * 32]
    assert report.startswith("report.html")


def test_json_is_for_programs(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(artifacts=[artifact("model.glb", b"1234")])
    (item,) = json.loads(recon("artifacts", "statue", "-o", "json").out)["items"]
    assert (item["name"], item["sizeBytes"]) == ("model.glb", 4)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({}, "it has not started"),
        ({"stage": "train", "progress": {"percent": 41}}, "stage train, 41 %"),
        ({"conditions": [condition("Succeeded", "False", "EmptyMesh")]}, "it has failed"),
    ],
)
def test_a_job_without_artifacts_says_why(recon: Recon, museum: Museum, status: dict, why: str) -> None:
    museum.create()
    museum.write_status(**status)
    answer = recon("artifacts", "statue")
    assert answer.status == 2
    assert answer.err.startswith("ArtifactsNotReady")
    assert why in answer.err
