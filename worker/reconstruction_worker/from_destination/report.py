"""Stage `report` from what was published: the same page, pictures and numbers, and a manifest of what is there now."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from reconstruction_api.baseline import explicit
from reconstruction_api.defaults import completed
from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import DeliveredFile, ManifestDocument
from reconstruction_api.stages import StageName

from ..exporters.exports_document import FILE as EXPORTS_FILE
from ..exporters.exports_document import ExportsDocument
from ..files import write_document
from ..report.numbers import TURNTABLE, described, picture_of
from ..stage import StageContext, StageOutput
from ..turntable.turntable_document import FILE as TURNTABLE_FILE
from ..turntable.turntable_document import TurntableDocument
from .earlier_set import earlier_set
from .entries import files_beside
from .render import is_published
from .requirements import check_settings

DOCUMENT = ManifestDocument
_MADE_HERE: Final = ("exports", "turntable")
"""Fields of the spec that may be others than those of the published set."""


def run(context: StageContext) -> StageOutput:
    """Raises InputsRemoved for a report that the published one is not."""
    with earlier_set(context) as earlier:
        check_settings(context.spec, earlier.manifest)
        stays = context.spec.turntable is not None and is_published(context.spec, earlier.manifest)
        kept = [file for file in files_beside(earlier.manifest) if file.format != TURNTABLE or stays]
        for done, file in enumerate(kept):
            context.advance(90 * done / len(kept), f"fetching {file.name}")
            earlier.fetch(file, context.folder)
    added = [*_exported(context, earlier.manifest), *_turned(context)]
    delivered = sorted([*kept, *added], key=lambda file: file.name)
    settings = {name: value for name, value in earlier.manifest.settings.items() if name not in _MADE_HERE}
    settings |= {name: value for name, value in explicit(completed(context.spec)).items() if name in _MADE_HERE}
    picture = picture_of([file.name for file in delivered])
    update = {"settings": settings, "picture": picture, "artifacts": delivered}
    manifest = earlier.manifest.model_copy(update=update)
    write_document(context.folder / MANIFEST_FILE, manifest)
    size = sum(file.size_bytes for file in delivered)
    return StageOutput(f"{len(delivered) + 1} files, {size / 1e6:.1f} MB; the page is the published one")


def _exported(context: StageContext, earlier: ManifestDocument) -> list[DeliveredFile]:
    """What the stage `export` has left, put beside the report; nothing where the job ends with its poses."""
    folder = context.of(StageName.EXPORT)
    document = ExportsDocument.read_if_there(folder / EXPORTS_FILE)
    if document is None:
        return []
    formats = {file.name: file.format for file in earlier.artifacts}
    formats |= {file.name: export.format for export in document.exports for file in export.files}
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name != EXPORTS_FILE]
    return [described(_beside(context, path), formats.get(path.name)) for path in files]


def _turned(context: StageContext) -> list[DeliveredFile]:
    """The turntable that was rendered here; nothing where it is the published one."""
    folder = context.of(StageName.RENDER)
    document = TurntableDocument.read_if_there(folder / TURNTABLE_FILE)
    if document is None or context.spec.turntable is None:
        return []
    return [described(_beside(context, folder / name), TURNTABLE) for name in document.files]


def _beside(context: StageContext, path: Path) -> Path:
    """The file, put beside the report."""
    target = context.folder / path.name
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)
    return target
