"""Stage `report` from what was published: the same page, pictures and numbers, and a manifest of what is there now."""

from __future__ import annotations

import os
import shutil

from reconstruction_api.baseline import explicit
from reconstruction_api.defaults import completed
from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import DeliveredFile, ManifestDocument
from reconstruction_api.stages import StageName

from ..exporters.exports_document import FILE as EXPORTS_FILE
from ..exporters.exports_document import ExportsDocument
from ..files import write_document
from ..report.numbers import TURNTABLE, described
from ..stage import StageContext, StageOutput
from .earlier_set import earlier_set
from .entries import files_beside
from .requirements import check_settings

DOCUMENT = ManifestDocument


def run(context: StageContext) -> StageOutput:
    """Raises InputsRemoved for a report that the published one is not."""
    with earlier_set(context) as earlier:
        check_settings(context.spec, earlier.manifest)
        kept = [
            file
            for file in files_beside(earlier.manifest)
            if file.format != TURNTABLE or context.spec.turntable is not None
        ]
        for done, file in enumerate(kept):
            context.advance(90 * done / len(kept), f"fetching {file.name}")
            earlier.fetch(file, context.folder)
    delivered = sorted([*kept, *_exported(context, earlier.manifest)], key=lambda file: file.name)
    settings = {name: value for name, value in earlier.manifest.settings.items() if name != "exports"}
    written = explicit(completed(context.spec))
    settings |= {"exports": written["exports"]} if "exports" in written else {}
    manifest = earlier.manifest.model_copy(update={"settings": settings, "artifacts": delivered})
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
    for path in files:
        try:
            os.link(path, context.folder / path.name)
        except OSError:
            shutil.copyfile(path, context.folder / path.name)
    return [described(context.folder / path.name, formats.get(path.name)) for path in files]
