"""The job's artifacts, as files here."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from devcluster.errors import DevclusterError
from devcluster.kubectl import Kubectl
from reconstruction_api.formats import BUNDLE, REPORT_PAGE, ExportFormat
from reconstruction_api.stage_table import BY_NAME, StageName

from . import claims

REQUIRED: Final = (
    REPORT_PAGE,
    ExportFormat.GLB.file,
    BY_NAME[StageName.EVALUATE].document,
    BY_NAME[StageName.REPORT].document,
)


def copy(kubectl: Kubectl, job: str, image: str, status: dict[str, Any], target: Path) -> None:
    """Copy the artifacts and the final resource (`job.yaml`) to a folder that is emptied first.

    Raises DevclusterError when one is missing or is not what the status says it is.
    """
    shutil.rmtree(target, ignore_errors=True)
    claims.fetch(kubectl, status["workspaceClaim"], image, "artifacts", target)
    if any(artifact["name"] == BUNDLE for artifact in status.get("artifacts", [])):
        # Beside the bundle is the manifest that lists it too; it takes the other one's place.
        with TemporaryDirectory() as folder:
            claims.fetch(kubectl, status["workspaceClaim"], image, str(StageName.BUNDLE), Path(folder))
            for name in (BUNDLE, BY_NAME[StageName.REPORT].document):
                shutil.copyfile(Path(folder) / name, target / name)
    (target / "job.yaml").write_text(kubectl("get", f"recon/{job}", "--output=yaml"))
    verify(status, target)


def verify(status: dict[str, Any], folder: Path) -> None:
    """Compare each artifact of a status with the file of that name."""
    artifacts = {artifact["name"]: artifact for artifact in status.get("artifacts", [])}
    if missing := sorted(set(REQUIRED) - set(artifacts)):
        raise DevclusterError(f"the job's status lacks {', '.join(missing)}")
    for name, artifact in artifacts.items():
        path = folder / name
        if not path.is_file():
            raise DevclusterError(f"{name} is in the job's status but not on its volume")
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != artifact["sha256"] or path.stat().st_size != artifact["sizeBytes"]:
            raise DevclusterError(f"{name} is not the file that the job's status describes")
