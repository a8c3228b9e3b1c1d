"""What a job delivered: the files of its last stage, by name, format, size and checksum."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

from reconstruction_api.stages import StageName
from reconstruction_api.worker import Artifact

from .records import read_record

MEDIA_TYPES: Final = {
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".html": "text/html",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".mtl": "model/mtl",
    ".obj": "model/obj",
    ".ply": "application/ply",
    ".png": "image/png",
    ".zip": "application/zip",
}
_FOLDER: Final = "artifacts/"


def delivered(workspace: Path, claim: str) -> list[Artifact]:
    """The artifacts in a workspace that is the volume claim `claim`; none before the report stage has ended."""
    record = read_record(workspace, StageName.REPORT)
    return [
        Artifact(
            name=(name := output.path.removeprefix(_FOLDER)),
            format=PurePosixPath(name).suffix.removeprefix(".").upper(),
            uri=f"pvc://{claim}/{output.path}",
            size_bytes=output.size,
            sha256=output.sha256,
            media_type=MEDIA_TYPES.get(PurePosixPath(name).suffix, "application/octet-stream"),
        )
        for output in (record.outputs if record else ())
    ]
