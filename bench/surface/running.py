"""Photos to a textured mesh, as a user does it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from demo import layout

from .. import recon
from ..worker_quality.measuring import Usage


def job(name: str, photos: Path, seconds: int, side: int, **spec: Any) -> dict[str, Any]:
    """With `seconds` of training at `side` pixels; `spec` has what is asked for beside."""
    usual = {
        "images": {"maxSidePixels": side},
        "training": {"timeBudgetSeconds": seconds, "device": "CPU"},
        "quality": {"onFailure": "Warn"},
    }
    return recon.job(f"bench-{name}", photos, usual | spec)


def reconstruct(document: dict[str, Any], folder: Path, repository: Path = layout.ROOT) -> tuple[Path, Usage]:
    """Run a job to its end with the code of a repository; the workspace, and what it took. An earlier run's files in
    the folder go."""
    shutil.rmtree(folder, ignore_errors=True)
    out = folder / "result"
    usage = recon.run_job(document, folder / "job.yaml", out, folder / "run.log", repository=repository)
    return out / "workspace", usage
