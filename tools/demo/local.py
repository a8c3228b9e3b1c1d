"""`make demo-local`: the same job in this process tree."""

from __future__ import annotations

import os
import subprocess

from . import layout, preparation
from .journal import Journal


def main(journal: Journal) -> int:
    """Prepare, then hand over to `recon run`; its exit status."""
    with journal.step("Python dependencies"):
        preparation.python_environment()
    with journal.step("the demo's photos"):
        preparation.photos()
    job_file = layout.job_file()
    command = [layout.PYTHON, "-m", "reconstruction_cli", "run", job_file, "--out", layout.OUT_LOCAL]
    paths = os.pathsep.join(map(str, layout.packages()))
    volume = ["--volume", f"{layout.PHOTOS_CLAIM}={layout.PHOTOS}"]
    journal.say(f"recon run {os.path.relpath(job_file)} --out {os.path.relpath(layout.OUT_LOCAL)}")
    return subprocess.run(
        [*command, *volume], check=False, cwd=layout.ROOT, env=os.environ | {"PYTHONPATH": paths}
    ).returncode
