"""`recon verify`: whether a copy of a job's results is whole."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from harness.finished_workspace import FILES, results

from .conftest import Recon


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return results(tmp_path) / "artifacts"


def test_a_whole_copy_is_told_so(recon: Recon, copy: Path) -> None:
    answer = recon("verify", str(copy))
    assert (answer.status, f"{len(FILES)} files" in answer.out) == (0, True)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda copy: (copy / "model.glb").write_bytes(b"x"), "model.glb has 1 bytes instead of 4000"),
        (lambda copy: (copy / "model.glb").write_bytes(b"x" * 4000), "model.glb has another checksum"),
        (lambda copy: (copy / "model.glb").unlink(), "model.glb is missing"),
        (lambda copy: (copy / "manifest.json").unlink(), "has no manifest.json"),
        (lambda copy: (copy / "manifest.json").write_text("{"), "manifest.json in "),
    ],
)
def test_what_is_wrong_with_a_copy_is_named(recon: Recon, copy: Path, damage, said: str) -> None:
    damage(copy)
    answer = recon("verify", str(copy))
    assert answer.status == 2
    assert answer.err.startswith("ChecksumMismatch")
    assert said in " ".join(answer.err.split())


def test_a_bundle_is_a_copy_too(recon: Recon, copy: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.zip"
    with zipfile.ZipFile(bundle, "w") as archive:
        for path in copy.iterdir():
            archive.write(path, path.name)
    assert recon("verify", str(bundle)).status == 0
    bundle.write_bytes(bundle.read_bytes()[:-100])
    assert recon("verify", str(bundle)).status == 2


def test_a_manifest_that_leads_elsewhere_is_not_followed(recon: Recon, copy: Path) -> None:
    (copy.parent / "secret").write_bytes(FILES["model.glb"])
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"model.glb"', '"../secret"'))
    assert "leads out of the copy" in " ".join(recon("verify", str(copy)).err.split())
