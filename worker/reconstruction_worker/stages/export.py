"""Stage `export`: the textured model in the wanted formats, each opened again by another reader than its writer."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.exports import Export, SplatRegion
from reconstruction_api.formats import media_type_of
from reconstruction_api.stages import StageName

from ..engines.trained import trained_gaussians
from ..exporters.exports_document import FILE, ExportedFile, ExportEntry, ExportsDocument
from ..exporters.place import read_place
from ..exporters.registry import exporter_of
from ..exporters.simplified_model import simplified_model
from ..exporters.splats_at_mesh import at_mesh
from ..exporters.surface_gaussians import COUNT, surface_gaussians
from ..exporters.textured_model import Model, load_model
from ..files import sha256_of, write_document
from ..geometry.contribution import contributions
from ..geometry.crop import supporting_plane
from ..geometry.gaussian_sets import chosen
from ..geometry.gaussians import Gaussians
from ..geometry.merging import reduced
from ..geometry.mesh_document import FILE as MESH_FILE
from ..geometry.mesh_document import MeshDocument
from ..geometry.scene import Scene, load_scene
from ..geometry.subject import Plane
from ..geometry.world_scale import metres_per_unit
from ..stage import StageContext, StageOutput

DOCUMENT = ExportsDocument


def run(context: StageContext) -> StageOutput:
    """Raises ExportFailed when a written file does not hold what it should."""
    scene = load_scene(context.workspace)
    known = metres_per_unit(None, context.spec)
    scene = replace(scene, metres_per_unit=metres_per_unit(scene.metres_per_unit, context.spec))
    place = read_place(context.of(StageName.POSES), scene.metres_per_unit, known)
    model = load_model(context.of(StageName.TEXTURE), scene.metres_per_unit, place)
    gaussians, meshes = _Gaussians(context, scene, model), SimplerMeshes(model)
    exports = []
    wanted = context.spec.exports
    for done, export in enumerate(wanted):
        context.advance(100 * done / len(wanted), f"writing {export.label}")
        gaussian = export.format.gaussians
        content = gaussians.wanted_by(export) if gaussian else meshes.with_at_most(export.target_faces)
        exports.append(write_entry(export, content, context.folder))
    write_document(context.folder / FILE, ExportsDocument(metric=model.metric, exports=exports))
    size = sum(file.size_bytes for export in exports for file in export.files)
    names = ", ".join(export.label for export in wanted)
    return StageOutput(f"{names}: {size / 1e6:.1f} MB, each opened again")


class _Gaussians:
    """The scene as Gaussians, z up, in metres where the scale is known; made when they are first asked for."""

    def __init__(self, context: StageContext, scene: Scene, model: Model):
        self.context, self.scene, self.model = context, scene, model

    def wanted_by(self, export: Export) -> Gaussians:
        """All that the engine has made, those at the mesh, or as many that show nearly the same. Of an engine that
        makes none, as many are laid on the surface. Raises ExportFailed where none is at the mesh."""
        if self.trained is None:
            return surface_gaussians(self.model, export.max_splats or COUNT)
        scaled, count = self.trained.scaled(self.scene.metres_per_unit or 1.0), export.max_splats
        kept = self.at_mesh if export.splats is SplatRegion.AT_MESH else np.ones(len(scaled), np.bool_)
        if count is not None and count < kept.sum():
            return reduced(chosen(scaled, np.flatnonzero(kept)), self.contributions[kept], count)
        return scaled if kept.all() else chosen(scaled, np.flatnonzero(kept))

    @cached_property
    def at_mesh(self) -> NDArray[np.bool_]:
        """Which of the trained ones are at the surface. [N]"""
        assert self.trained is not None
        metres = self.scene.metres_per_unit or 1.0
        document = MeshDocument.read_if_there(self.context.of(StageName.MESH) / MESH_FILE)
        table = supporting_plane(document)
        plane = None if table is None else Plane(table.normal, table.offset * metres)
        kept = at_mesh(self.trained.scaled(metres), self.model, plane)
        if not kept.any():
            raise ReconstructionError("ExportFailed", "no Gaussian lies at the surface that the mesh shows")
        return kept

    @cached_property
    def trained(self) -> Gaussians | None:
        return trained_gaussians(self.context)

    @cached_property
    def contributions(self) -> NDArray[np.float32]:
        assert self.trained is not None
        return contributions(self.trained, [view.camera for view in self.scene.views])


class SimplerMeshes:
    """The textured model, and simpler ones made from it; the last is kept, for entries that follow each other."""

    def __init__(self, model: Model):
        self.model = model
        self._last: tuple[int | None, Model] = (None, model)

    def with_at_most(self, faces: int | None) -> Model:
        if faces is None:
            return self.model
        if self._last[0] != faces:
            self._last = (faces, simplified_model(self.model, faces))
        return self._last[1]


def write_entry(export: Export, model: Model | Gaussians, folder: Path) -> ExportEntry:
    """Write one entry of `spec.exports` and open it again. Files have their names only once they have passed."""
    exporter = exporter_of(export.format)
    with TemporaryDirectory(dir=folder, prefix=".writing-") as scratch:
        try:
            written, content = exporter.written(model, Path(scratch), export)
        except ReconstructionError as error:
            raise _naming(export, error) from error
        paths = [path.rename(folder / path.name) for path in written]
    asked = {
        "name": export.name,
        "texture_format": export.texture_format,
        "material": export.material,
        "target_faces": export.target_faces,
        "splats": export.splats,
    }
    return ExportEntry(
        format=export.format,
        compression=export.chosen_compression,
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
        **{name: value for name, value in asked.items() if value is not None},
    )


def _naming(export: Export, error: ReconstructionError) -> ReconstructionError:
    """The error with the entry's name, where it has one of its own."""
    message = error.message if export.name is None else f"spec.exports, entry {export.name}: {error.message}"
    return ReconstructionError(error.code, message, details=error.details)
