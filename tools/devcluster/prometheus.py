"""Prometheus and promtool, from the operating system's package.

The package is unpacked into the cache and not installed: installing it would start a service on this machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from .errors import DevclusterError
from .locks import exclusive
from .processes import run
from .versions import cache_home

PACKAGE: Final = "prometheus"
PROGRAMS: Final = ("prometheus", "promtool")


def folder() -> Path:
    """Where the programs are once `install` has run."""
    return cache_home() / "prometheus"


def install() -> Path:
    """Fetch both programs unless they are in PATH or in the cache already; the folder that holds them.

    Raises DevclusterError where there is no apt-get.
    """
    if (found := [shutil.which(name) for name in PROGRAMS]) and all(found):
        return Path(str(found[0])).parent
    with exclusive("prometheus"), tempfile.TemporaryDirectory() as temporary:
        if not all((folder() / name).exists() for name in PROGRAMS):
            _unpack(_download(Path(temporary)), Path(temporary))
    return folder()


def _download(target: Path) -> Path:
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise DevclusterError(f"put {' and '.join(PROGRAMS)} into PATH first (Debian: {PACKAGE})")
    if os.geteuid() == 0:
        run("apt-get", "update", "--quiet")  # as a user, with the lists that are there
    run("apt-get", "download", "--quiet", PACKAGE, folder=target)
    return next(target.glob(f"{PACKAGE}_*.deb"))


def _unpack(archive: Path, temporary: Path) -> None:
    """None of the programs gets its name half-written."""
    run("dpkg", "-x", archive, temporary / "unpacked")
    folder().mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        partial = folder() / f"{name}.part"
        shutil.copy(temporary / "unpacked" / "usr" / "bin" / name, partial)
        partial.rename(folder() / name)
