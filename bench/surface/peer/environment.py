"""The environment in which nerfstudio exports surfaces.

Its exporters need Open3D and PyMeshLab, which the worker does without. They are installed into an environment of the
bench's own, which sees all else, PyTorch and nerfstudio included, in the environment of this repository.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from bootstrap import find_uv
from demo import layout
from devcluster.locks import exclusive
from devcluster.processes import run

LOCK = Path(__file__).with_name("export.txt")
"""Both packages and those of their dependencies that are not among this project's."""


def python() -> Path:
    """The environment's interpreter; it is made where it is not there yet."""
    seen = f"{layout.site_packages()}\n"
    digest = hashlib.sha256(LOCK.read_bytes() + seen.encode()).hexdigest()[:12]
    folder = layout.ROOT / ".cache" / f"bench-export-{digest}"
    with exclusive("peers"):
        if not (folder / "complete").exists():
            print("installing Open3D and PyMeshLab for nerfstudio's exporters", flush=True)
            uv = find_uv()
            shutil.rmtree(folder, ignore_errors=True)
            run(uv, "venv", "--quiet", "--python", sys.executable, folder)
            # This project's own settings for uv leave PyMeshLab out.
            wanted = ("--no-config", "--no-deps", "--require-hashes", "--compile-bytecode", f"--requirement={LOCK}")
            run(uv, "pip", "install", "--quiet", f"--python={folder}/bin/python", *wanted)
            packages = next(folder.glob("lib/python*/site-packages"))
            (packages / "of-this-project.pth").write_text(seen)
            (folder / "complete").touch()
    return folder / "bin" / "python"
