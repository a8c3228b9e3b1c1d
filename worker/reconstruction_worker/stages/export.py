"""Stage `export`: the textured model in the wanted formats, each opened again by another reader than its writer."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.formats import media_type_of
from reconstruction_api.job import Export
from reconstruction_api.stages import StageName

from ..engines.trained import trained_gaussians
from ..exporters.exports_document import FILE, ExportedFile, ExportEntry, ExportsDocument
from ..exporters.registry import exporter_of
from ..exporters.surface_gaussians import COUNT, surface_gaussians
from ..exporters.textured_model import Model, load_model
from ..files import sha256_of, write_document
from ..geometry.contribution import contributions
from ..geometry.gaussians import Gaussians
from ..geometry.merging import reduced
from ..geometry.scene import Scene, load_scene
from ..stage import StageContext, StageOutput

DOCUMENT = ExportsDocument


def run(context: StageContext) -> StageOutput:
    """Raises ExportFailed when a written file does not hold what it should."""
    scene = load_scene(context.workspace)
    model = load_model(context.of(StageName.TEXTURE), scene.metres_per_unit)
    gaussians = _Gaussians(context, scene, model)
    exports = []
    wanted = context.spec.exports
    for done, export in enumerate(wanted):
        context.advance(100 * done / len(wanted), f"writing {export.format}")
        content = gaussians.at_most(export.max_splats) if export.format.gaussians else model
        exports.append(_export(export, content, context.folder))
    write_document(context.folder / FILE, ExportsDocument(metric=model.metric, exports=exports))
    size = sum(file.size_bytes for export in exports for file in export.files)
    names = ", ".join(export.format for export in wanted)
    return StageOutput(f"{names}: {size / 1e6:.1f} MB, each opened again")


class _Gaussians:
    """The scene as Gaussians, z up, in metres where the scale is known; made when they are first asked for."""

    def __init__(self, context: StageContext, scene: Scene, model: Model):
        self.context, self.scene, self.model = context, scene, model

    def at_most(self, count: int | None) -> Gaussians:
        """All that the engine has made, or as many that show nearly the same. Of an engine that makes none, as many are
        laid on the surface."""
        if self.trained is None:
            return surface_gaussians(self.model, count or COUNT)
        scaled = self.trained.scaled(self.scene.metres_per_unit or 1.0)
        if count is None or count >= len(scaled):
            return scaled
        return reduced(scaled, self.contributions, count)

    @cached_property
    def trained(self) -> Gaussians | None:
        return trained_gaussians(self.context)

    @cached_property
    def contributions(self) -> NDArray[np.float32]:
        assert self.trained is not None
        return contributions(self.trained, [view.camera for view in self.scene.views])


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
