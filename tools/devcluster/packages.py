"""The operating system's packages that the cluster needs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from .errors import DevclusterError
from .locks import exclusive
from .processes import run

CONTROL_PLANE: Final = {"openssl": "openssl"}
NODE: Final = {
    "ip": "iproute2",
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "nft": "nftables",
}
NETWORK_POLICIES: Final = {"ipset": "ipset"}
IMAGES: Final = {"buildah": "buildah", "debootstrap": "debootstrap"}
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin"


def missing(*programs: dict[str, str]) -> list[str]:
    """Debian packages whose program (a name, or the path of a file) is not there."""
    search = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    found = [
        package
        for group in programs
        for program, package in group.items()
        if not (Path(program).exists() if program.startswith("/") else shutil.which(program, path=search))
    ]
    return sorted(set(found))


def install(*programs: dict[str, str]) -> list[str]:
    """Install what is missing with apt-get; the names of what was installed.

    Raises DevclusterError where that is not possible, naming the packages.
    """
    if not missing(*programs):
        return []
    with exclusive("packages"):
        packages = missing(*programs)
        if packages:
            _install(packages)
    return packages


def _install(packages: list[str]) -> None:
    if os.geteuid() or not shutil.which("apt-get"):
        raise DevclusterError(f"install these packages first (apt-get needs root): {' '.join(packages)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "--quiet", environment=environment)
    flags = ("--yes", "--quiet", "--no-install-recommends")
    run("apt-get", "install", *flags, *packages, environment=environment)
