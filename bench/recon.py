"""Jobs as a user runs them: `recon run job.yaml` in processes of its own, measured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from demo import layout
from reconstruction_worker.cpus import available_cpus

from .worker_quality.measuring import Usage, run


def job(name: str, photos: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """A job on a folder of photos; `spec` has what is asked for beside them."""
    return {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": name},
        "spec": {"source": {"uri": str(photos)}, **spec},
    }


def run_job(
    document: dict[str, Any],
    file: Path,
    out: Path,
    log: Path,
    *,
    until: str | None = None,
    threads: int | None = None,
    mark: Path | None = None,
    repository: Path = layout.ROOT,
) -> Usage:
    """Write a job to `file` and run it, to its end or `until` a stage is done, with its results in `out` and the code
    of a repository. `mark` as in `measuring.run`; all processors unless `threads` says how many. Raises
    ProgramFailed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    command = [layout.PYTHON, "-m", "reconstruction_cli", "run", file, "--out", out]
    command += ["--until", until] if until is not None else []
    if repository != layout.ROOT:
        packages = [repository / package.relative_to(layout.ROOT) for package in layout.packages()]
        command = ["env", f"PYTHONPATH={os.pathsep.join(map(str, packages))}", *command]
    return run(command, log, available_cpus() if threads is None else threads, mark)
