"""What the demo needs before its first step."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from devcluster.errors import DevclusterError
from devcluster.locks import exclusive

from . import layout


def python_environment() -> None:
    """`.venv` with the locked dependencies."""
    run(sys.executable, layout.ROOT / "tools" / "bootstrap.py")


def photos() -> None:
    """40 photos of a face scan, rendered from a mesh in a package; only once."""
    with exclusive("demo-photos"):
        if layout.PHOTOS.is_dir():
            return
        partial = layout.PHOTOS.with_name(f"{layout.PHOTOS.name}.part")
        shutil.rmtree(partial, ignore_errors=True)
        run(layout.PYTHON, "-m", "demo_photos", partial)
        partial.rename(layout.PHOTOS)


def run(*command: str | Path) -> None:
    """Run one of this repository's programs; DevclusterError with the end of its output if it fails."""
    paths = os.pathsep.join(map(str, layout.packages()))
    result = subprocess.run(
        command,
        check=False,
        cwd=layout.ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        output = (result.stderr or result.stdout).strip()[-2000:]
        raise DevclusterError(f"`{' '.join(map(str, command))}` failed:\n{output}")
