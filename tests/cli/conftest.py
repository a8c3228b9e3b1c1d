"""The command line, called in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from reconstruction_cli.main import main


@dataclass
class Answer:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str


Recon = Callable[..., Answer]


@pytest.fixture
def recon(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Recon:
    """`recon("validate", "job.yaml")`"""

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["recon", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        assert isinstance(end.value.code, int)
        return Answer(end.value.code, out, err)

    return call
