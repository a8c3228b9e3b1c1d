"""Container images without a registry and without Docker."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .locks import exclusive
from .processes import run, succeeds
from .versions import cache_home

PAUSE: Final = "localhost/pause:devcluster"
PYTHON: Final = "docker.io/library/python:3.11-slim-bookworm"
"""The base image of the Dockerfiles. Where no registry is at hand, `python_base` makes an image of that name."""
SUITE: Final = "bookworm"
PACKAGES: Final = ("ca-certificates", "python3", "python3-venv")
NOT_NEEDED: Final = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
    "var/log",
)
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
EPOCH: Final = "1970-01-01T00:00:00Z"
CERTIFICATES: Final = "etc/ssl/certs/ca-certificates.crt"


def python_base() -> Path:
    """A docker archive of a minimal Debian with Python 3.11 under the name PYTHON; made once (a minute), then cached.

    This machine's certificate authorities are copied into it, so that builds can reach package registries through
    whatever this machine reaches them. Needs root.
    """
    archive = cache_home() / "images" / f"python-{SUITE}.tar"
    with exclusive("python-base"):
        if not archive.exists():
            _debootstrap(archive)
    return archive


def _debootstrap(archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as temporary:
        root = Path(temporary) / "root"
        run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root)
        for folder in NOT_NEEDED:
            shutil.rmtree(root / folder, ignore_errors=True)
            (root / folder).mkdir(parents=True)
        if Path("/", CERTIFICATES).exists():
            shutil.copyfile(Path("/", CERTIFICATES), root / CERTIFICATES)
        layer = Path(temporary) / "layer.tar"
        run("tar", "--create", f"--file={layer}", "--sort=name", "--numeric-owner", f"--directory={root}", ".")
        _write_archive(archive, PYTHON, layer, {"Cmd": ["python3"]})


def build(dockerfile: Path, name: str, *, target: str | None = None, base: Path | None = None) -> Path:
    """Build an image with buildah and return it as a docker archive. The context is the Dockerfile's folder.

    `base` is an archive that is loaded first, for a FROM that no registry serves. Layers are cached between builds.
    """
    folder = cache_home() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    buildah = [
        "buildah",
        "--root",
        folder / "storage",
        "--runroot",
        folder / "run",
        "--storage-driver",
        _driver(folder),
    ]
    if base is not None and not succeeds(*buildah, "inspect", "--type", "image", PYTHON):
        run(*buildah, "pull", "--quiet", f"docker-archive:{base}")
    # chroot: works inside containers too, where a build may not make namespaces
    flags = ["--isolation=chroot", "--layers", "--pull=never" if base else "--pull", "--format=docker"]
    wanted = [f"--target={target}"] if target else []
    run(*buildah, "build", *flags, *wanted, f"--tag={name}", f"--file={dockerfile}", dockerfile.parent)
    archive = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.tar"
    archive.unlink(missing_ok=True)
    run(*buildah, "push", "--quiet", name, f"docker-archive:{archive}:{name}")
    return archive


def digest(archive: Path) -> str:
    """What identifies the image in a docker archive; equal for equal images."""
    with tarfile.open(archive) as tar:
        content = tar.extractfile("manifest.json")
        assert content is not None
        return hashlib.sha256(json.load(content)[0]["Config"].encode()).hexdigest()


def _driver(folder: Path) -> str:
    """Overlays can't be stacked on an overlay (this machine may be a container itself): copy there."""
    return "vfs" if is_overlay(folder) else "overlay"


def is_overlay(folder: Path) -> bool:
    """Whether a folder is on an overlay file system."""
    return run("stat", "--file-system", "--format=%T", folder).strip() in ("overlayfs", "aufs")


def write_program_image(archive: Path, name: str, program: Path) -> None:
    """Write a docker archive of an image that holds one static program and runs it."""
    with tempfile.TemporaryDirectory() as temporary:
        layer = Path(temporary) / "layer.tar"
        with tarfile.open(layer, mode="w") as tar:
            entry = tar.gettarinfo(program, program.name)
            entry.mode, entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime = 0o755, 0, 0, "", "", 0
            with program.open("rb") as content:
                tar.addfile(entry, content)
        _write_archive(archive, name, layer, {"Entrypoint": [f"/{program.name}"]})


def _write_archive(archive: Path, name: str, layer: Path, container: Mapping[str, Any]) -> None:
    """Write a docker archive of one layer (a tar file); it gets its name only when it is whole."""
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    configuration = {
        "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64",
        "os": "linux",
        "config": {"Env": [f"PATH={PATH}"], **container},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "created": EPOCH,
        "history": [{"created": EPOCH, "created_by": "devcluster"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    partial = archive.with_suffix(".part")
    with tarfile.open(partial, "w") as tar:
        for path, document in (("config.json", configuration), ("manifest.json", manifest)):
            text = json.dumps(document).encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
        tar.add(layer, "layer.tar")
    partial.replace(archive)
