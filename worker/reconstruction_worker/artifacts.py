"""What a job delivered: the files of its last stage, by name, format, size and checksum."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import ManifestDocument
from reconstruction_api.formats import format_of, media_type_of
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Artifact

from .records import read_record

_FOLDER: Final = "artifacts/"


def delivered(workspace: Path, claim: str) -> list[Artifact]:
    """The artifacts in a workspace that is the volume claim `claim`; none before the report stage has ended."""
    record = read_record(workspace, StageName.REPORT)
    manifest = ManifestDocument.read_if_there(workspace / _FOLDER / MANIFEST_FILE)
    formats = {file.name: file.format for file in manifest.artifacts} if manifest is not None else {}
    return [
        Artifact(
            name=(name := output.path.removeprefix(_FOLDER)),
            format=formats.get(name) or format_of(name),
            uri=f"pvc://{claim}/{output.path}",
            size_bytes=output.size,
            sha256=output.sha256,
            media_type=media_type_of(name),
        )
        for output in (record.outputs if record else ())
    ]
