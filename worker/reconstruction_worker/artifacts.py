"""What a job delivered: the files of its last stages, by name, format, size and checksum."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import ManifestDocument
from reconstruction_api.documents.published import FILE as PUBLISHED_FILE
from reconstruction_api.documents.published import PublishedDocument
from reconstruction_api.formats import BUNDLE, format_of, media_type_of
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Artifact

from .records import OutputFile, StageRecord, read_record
from .stage import folder_of


def delivered(workspace: Path, claim: str, *, bundled: bool = False, published: bool = False) -> list[Artifact]:
    """The artifacts in a workspace that is the volume claim `claim`, or where they are published; none before the
    report stage has ended."""
    manifest = ManifestDocument.read_if_there(folder_of(workspace, StageName.REPORT) / MANIFEST_FILE)
    formats = {file.name: file.format for file in manifest.artifacts} if manifest is not None else {}
    if published:
        document = PublishedDocument.read_if_there(folder_of(workspace, StageName.PUBLISH) / PUBLISHED_FILE)
        return [
            Artifact.model_validate(file.model_dump() | {"format": formats.get(file.name) or file.format})
            for file in (document.files if document is not None else ())
        ]
    names = (StageName.REPORT, StageName.BUNDLE) if bundled else (StageName.REPORT,)
    records = [record for name in names if (record := read_record(workspace, name)) is not None]
    return [
        Artifact(
            name=name,
            format=formats.get(name) or format_of(name),
            uri=f"pvc://{claim}/{output.path}",
            size_bytes=output.size,
            sha256=output.sha256,
            media_type=media_type_of(name),
        )
        for name, output in recorded_files(records).items()
    ]


def recorded_files(records: Iterable[StageRecord]) -> dict[str, OutputFile]:
    """What stages have delivered, by name. The manifest beside a bundle, which lists it too, takes the place of the
    report's."""
    files: dict[str, OutputFile] = {}
    for record in records:
        for output in record.outputs:
            name = output.path.partition("/")[2]
            if record.stage is not StageName.BUNDLE or name in (BUNDLE, MANIFEST_FILE):
                files[name] = output
    return dict(sorted(files.items()))
