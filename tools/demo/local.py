"""`make demo-local`: the same job in this process tree."""

from __future__ import annotations

import os
import subprocess

from . import places, preparation
from .journal import Journal


def main(journal: Journal) -> int:
    """Prepare, then hand over to `recon run`; its exit status."""
    with journal.step("Python dependencies"):
        preparation.python_environment()
    with journal.step("the demo's photos"):
        preparation.photos()
    command = [places.PYTHON, "-m", "reconstruction_cli", "run", places.JOB_FILE, "--out", places.OUT_LOCAL]
    paths = os.pathsep.join(map(str, places.packages()))
    volume = ["--volume", f"{places.PHOTOS_CLAIM}={places.PHOTOS}"]
    journal.say(f"recon run {os.path.relpath(places.JOB_FILE)} --out {os.path.relpath(places.OUT_LOCAL)}")
    return subprocess.run(
        [*command, *volume], check=False, cwd=places.ROOT, env=os.environ | {"PYTHONPATH": paths}
    ).returncode
