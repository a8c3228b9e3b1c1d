"""Container images without a registry: archives written directly, and a Debian base image made by debootstrap."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any, Final

PAUSE: Final = "localhost/pause:devcluster"
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def write_archive(archive: Path, name: str, files: dict[str, Path], entrypoint: list[str]) -> None:
    """Write a docker archive of one layer that holds `files` (path in the image -> file here), executable for all."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for path, file in files.items():
            entry = tar.gettarinfo(file, path)
            entry.mode, entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime = 0o755, 0, 0, "", "", 0
            with file.open("rb") as content:
                tar.addfile(entry, content)
    configuration = _configuration(hashlib.sha256(layer.getvalue()).hexdigest(), {"Entrypoint": entrypoint})
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    partial = archive.with_suffix(".part")
    with tarfile.open(partial, "w") as tar:
        for path, content in (
            ("config.json", json.dumps(configuration).encode()),
            ("manifest.json", json.dumps(manifest).encode()),
            ("layer.tar", layer.getvalue()),
        ):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    partial.replace(archive)


def _configuration(layer_digest: str, container: dict[str, Any]) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": [f"PATH={PATH}"], **container},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }
