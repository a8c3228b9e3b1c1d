import hashlib
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
