"""Stage `bundle`: all files of the results in one archive, `bundle.zip`, opened again and compared.

Beside it is a manifest that lists the archive as well; the one inside lists the files that are with it.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import Field

from reconstruction_api.documents.base import Document
from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import DeliveredFile, ManifestDocument
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.formats import BUNDLE, format_of, media_type_of
from reconstruction_api.stages import BY_NAME, StageName

from ..artifacts import recorded_files
from ..files import sha256_of, write_document
from ..records import OutputFile, read_record
from ..stage import StageContext, StageOutput
from ..zip_writing import add_file

LEVEL: Final = 6
"""Of deflate."""
_AT_ONCE: Final = 2**20


class BundleDocument(Document):
    """`bundle/bundle.json`: what is in the archive."""

    size_bytes: int
    sha256: str
    files: dict[str, str] = Field(default_factory=dict[str, str])
    """SHA-256 of each member, by its name."""


DOCUMENT = BundleDocument


def run(context: StageContext) -> StageOutput:
    """Raises ExportFailed when the archive does not hold what it should."""
    record = read_record(context.workspace, StageName.REPORT)
    assert record is not None
    files = recorded_files([record])
    path = context.folder / BUNDLE
    _write(context, path, files)
    _check(context, path, files)
    manifest = ManifestDocument.read(context.of(StageName.REPORT) / MANIFEST_FILE)
    entry = DeliveredFile(
        name=BUNDLE,
        format=format_of(BUNDLE),
        media_type=media_type_of(BUNDLE),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )
    listed = sorted([*manifest.artifacts, entry], key=lambda file: file.name)
    write_document(context.folder / MANIFEST_FILE, manifest.model_copy(update={"artifacts": listed}))
    document = BundleDocument(
        size_bytes=entry.size_bytes, sha256=entry.sha256, files={name: file.sha256 for name, file in files.items()}
    )
    write_document(context.folder / BY_NAME[StageName.BUNDLE].document, document)
    return StageOutput(f"{len(files)} files in {entry.size_bytes / 1e6:.1f} MB, opened again")


def _write(context: StageContext, path: Path, files: Mapping[str, OutputFile]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for done, (name, file) in enumerate(files.items()):
            context.advance(70 * done / len(files), f"packing {name}")
            add_file(archive, name, context.workspace / file.path, zipfile.ZIP_DEFLATED, LEVEL)


def _check(context: StageContext, path: Path, files: Mapping[str, OutputFile]) -> None:
    with zipfile.ZipFile(path) as archive:
        if archive.namelist() != list(files):
            raise _failed("its list of files is another one")
        for done, (name, file) in enumerate(files.items()):
            context.advance(70 + 25 * done / len(files), f"checking {name}")
            whole = hashlib.sha256()
            try:
                with archive.open(name) as member:
                    while part := member.read(_AT_ONCE):
                        whole.update(part)
            except (zipfile.BadZipFile, EOFError) as error:
                raise _failed(f"{name} can't be read") from error
            if whole.hexdigest() != file.sha256:
                raise _failed(f"{name} is not what was packed")


def _failed(what: str) -> ReconstructionError:
    return ReconstructionError(
        "ExportFailed",
        f"{BUNDLE}: {what}.",
        suggestion="Run the stage again; leave spec.bundle out if it keeps failing.",
    )
