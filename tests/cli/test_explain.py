"""What the codes mean."""

from __future__ import annotations

import pytest
from tests.cli.conftest import Recon

from reconstruction_api.errors import CATALOGUE


@pytest.mark.parametrize("code", ["LowRegistration", "lowregistration"])
def test_a_code_is_explained_with_what_to_do(recon: Recon, code: str) -> None:
    answer = recon("explain", code)
    assert answer.status == 0
    kind = CATALOGUE["LowRegistration"]
    assert all(text in answer.out for text in (kind.code, kind.meaning, kind.suggestion, "Exit status: 3"))


def test_without_a_code_all_are_listed(recon: Recon) -> None:
    lines = recon("explain").out.splitlines()
    assert [line.split()[0] for line in lines] == list(CATALOGUE)


def test_a_misspelt_code_gets_a_suggestion(recon: Recon) -> None:
    answer = recon("explain", "LowRegistraton")
    assert answer.status == 2
    assert "Did you mean LowRegistration?" in answer.err
