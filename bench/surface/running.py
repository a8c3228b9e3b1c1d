"""Photos to a textured mesh, as a user does it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from demo import layout
from reconstruction_worker.cpus import available_cpus

from ..worker_quality.measuring import Usage, run


def job(name: str, photos: Path, seconds: int, side: int, **spec: Any) -> dict[str, Any]:
    """With `seconds` of training at `side` pixels; `spec` has what is asked for beside."""
    return {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": f"bench-{name}"},
        "spec": {
            "source": {"uri": str(photos)},
            "images": {"maxSidePixels": side},
            "training": {"timeBudgetSeconds": seconds, "device": "CPU"},
            "quality": {"onFailure": "Warn"},
            **spec,
        },
    }


def reconstruct(document: dict[str, Any], folder: Path, repository: Path = layout.ROOT) -> tuple[Path, Usage]:
    """Run a job to its end with the code of a repository; the workspace, and what it took. An earlier run's files in
    the folder go."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    file, out = folder / "job.yaml", folder / "result"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    packages = [repository / package.relative_to(layout.ROOT) for package in layout.packages()]
    code = f"PYTHONPATH={os.pathsep.join(map(str, packages))}"
    command = ["env", code, layout.PYTHON, "-m", "reconstruction_cli", "run", file, "--out", out]
    usage = run(command, folder / "run.log", available_cpus())
    return out / "workspace", usage
