"""Stage `export`: the textured model in the wanted formats, each opened again by another reader than its writer."""

from __future__ import annotations

from pathlib import Path

from reconstruction_api.formats import media_type_of
from reconstruction_api.job import Export
from reconstruction_api.stages import StageName

from ..engines.trained import trained_gaussians
from ..exporters.exports_document import FILE, ExportedFile, ExportEntry, ExportsDocument
from ..exporters.registry import exporter_of
from ..exporters.textured_model import Model, load_model
from ..files import sha256_of, write_document
from ..geometry.gaussians import Gaussians
from ..geometry.scene import load_scene
from ..stage import StageContext, StageOutput

DOCUMENT = ExportsDocument


def run(context: StageContext) -> StageOutput:
    """Raises ExportFailed when a written file does not hold what it should."""
    scale = load_scene(context.workspace).metres_per_unit
    model = load_model(context.of(StageName.TEXTURE), scale)
    exports = []
    wanted = context.spec.exports
    for done, export in enumerate(wanted):
        context.advance(100 * done / len(wanted), f"writing {export.format}")
        if export.format.gaussians:
            exports.append(_export(export, trained_gaussians(context).scaled(scale or 1.0), context.folder))
        else:
            exports.append(_export(export, model, context.folder))
    write_document(context.folder / FILE, ExportsDocument(metric=model.metric, exports=exports))
    size = sum(file.size_bytes for export in exports for file in export.files)
    names = ", ".join(export.format for export in wanted)
    return StageOutput(f"{names}: {size / 1e6:.1f} MB, each opened again")


def _export(export: Export, model: Model | Gaussians, folder: Path) -> ExportEntry:
    """Write one entry of `spec.exports` and open it again."""
    exporter = exporter_of(export.format)
    options = {"compression": export.compression} if export.format.compressible else {}
    paths, content = exporter.written(model, folder, **options)
    return ExportEntry(
        format=export.format,
        compression=export.compression,
        up=exporter.up,
        vertices=content.vertices,
        faces=content.faces,
        bounds=content.bounds.tolist(),
        checked_by=exporter.checked_by,
        files=[
            ExportedFile(
                name=path.name,
                media_type=media_type_of(path.name),
                size_bytes=path.stat().st_size,
                sha256=sha256_of(path),
            )
            for path in paths
        ],
    )
