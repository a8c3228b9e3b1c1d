import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from demo import results
from devcluster.errors import DevclusterError


def status_of(folder: Path) -> dict[str, Any]:
    return {
        "artifacts": [
            {
                "name": path.name,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "sizeBytes": path.stat().st_size,
            }
            for path in folder.iterdir()
        ]
    }


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    for name in results.REQUIRED:
        (tmp_path / name).write_text(f"content of {name}")
    return tmp_path


def test_files_that_match_the_status_are_accepted(delivered: Path) -> None:
    results.verify(status_of(delivered), delivered)


def test_a_changed_file_is_found(delivered: Path) -> None:
    status = status_of(delivered)
    (delivered / "model.glb").write_text("content of model.glB")
    with pytest.raises(DevclusterError, match=r"model\.glb is not the file"):
        results.verify(status, delivered)


def test_a_missing_file_is_found(delivered: Path) -> None:
    status = status_of(delivered)
    (delivered / "report.html").unlink()
    with pytest.raises(DevclusterError, match=r"report\.html is in the job's status but not"):
        results.verify(status, delivered)


def test_a_status_without_a_model_is_refused(delivered: Path) -> None:
    (delivered / "model.glb").unlink()
    with pytest.raises(DevclusterError, match=r"lacks model\.glb"):
        results.verify(status_of(delivered), delivered)


class Claim:
    """What kubectl is asked for, of a job that is bundled; the volume's folders are local ones."""

    def __init__(self, root: Path):
        self.root = root

    def __call__(self, *arguments: str) -> str:
        return "kind: ReconstructionJob\n"

    def fetch(self, kubectl: Any, claim: str, image: str, folder: str, target: Path) -> None:
        shutil.copytree(self.root / folder, target, dirs_exist_ok=True)


def test_the_bundle_and_its_manifest_are_fetched_from_beside_the_artifacts(
    delivered: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = tmp_path_factory.mktemp("volume")
    shutil.copytree(delivered, volume / "artifacts")
    (delivered / "bundle.zip").write_text("all of them")
    (delivered / "manifest.json").write_text("lists the bundle too")
    (volume / "bundle").mkdir()
    for name in ("bundle.zip", "manifest.json"):
        shutil.copyfile(delivered / name, volume / "bundle" / name)
    claim = Claim(volume)
    monkeypatch.setattr(results.claims, "fetch", claim.fetch)
    status = status_of(delivered) | {"workspaceClaim": "work"}
    target = tmp_path_factory.mktemp("copy") / "out"
    results.copy(claim, "demo", "image", status, target)  # type: ignore[arg-type]
    assert (target / "manifest.json").read_text() == "lists the bundle too"
    assert not (target / "bundle.json").exists()
