"""Stage `mesh`: the surface of the trained field, as `mesh/mesh.ply` with its numbers in `mesh/mesh.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from reconstruction_api.mesh import Mesh as MeshSettings
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName
from reconstruction_api.training import Device

from ..engines.base import Makes
from ..engines.trained import trained, trained_makes
from ..engines.training.split import read_split
from ..files import write_document
from ..geometry.coloured_mesh import ColouredMesh
from ..geometry.crop import Crop, Wish
from ..geometry.crop_picture import crop_picture
from ..geometry.depth_budget import CPU_BUDGET, GAUSSIANS_BUDGET, GPU_BUDGET, Budget
from ..geometry.extract import extract_mesh, finished_mesh
from ..geometry.mesh import Mesh
from ..geometry.mesh_document import CROP_PICTURE, FILE, MeshDocument
from ..geometry.orbit import orbit_camera
from ..geometry.ply_file import write_ply
from ..geometry.scene import load_scene
from ..geometry.sparse import load_points
from ..geometry.stand_ins import with_stand_ins
from ..poses.dataset_photos import source_names
from ..poses.registration import listed
from ..stage import StageContext, StageOutput
from ..stage_files import SURFACE

DOCUMENT = MeshDocument
PICTURE_SIDE = 420
"""Of the picture of what was cut, where no camera is known, in pixels."""


def run(context: StageContext) -> StageOutput:
    """The engine's own mesh where it makes one; otherwise depth is rendered from the training cameras and fused. Raises
    EmptyMesh when there is no surface."""
    made = trained(context)
    faces = context.spec.mesh.target_faces
    photographed = load_scene(context.workspace)
    wish = wanted_part(context.spec.mesh, photographed.metres_per_unit)
    cuts: list[tuple[Mesh, Crop]] = []

    def cut(whole: Mesh, crop: Crop) -> None:
        cuts.append((whole, crop))

    if isinstance(made, ColouredMesh):
        mesh, document = finished_mesh(made.mesh, faces, wish, cut)
    else:
        names = read_split(context.of(StageName.TRAIN), (view.name for view in photographed.views)).train
        trained_on = photographed.only(names)
        scene = with_stand_ins(trained_on, made)
        points = load_points(context.workspace, photographed) if scene is trained_on else None
        text = context.spec.mesh.min_piece_share
        share = None if text is None else float(text)
        mesh, document = extract_mesh(
            made, scene, faces, _budget(context), context.advance, points, share, wish, on_crop=cut
        )
    for whole, crop in cuts:
        cameras = [view.camera for view in photographed.views] or [orbit_camera(whole.vertices, 30, 20, PICTURE_SIDE)]
        crop_picture(whole, crop.kept, mesh, cameras).save(context.folder / CROP_PICTURE, quality=88)
    write_ply(context.folder / SURFACE, mesh)
    write_document(context.folder / FILE, document)
    return StageOutput(
        summary(document, source_names(context.workspace)),
        {
            Metric.VERTICES: document.vertices,
            Metric.FACES: document.faces,
            Metric.COMPONENTS: document.components,
        },
    )


def wanted_part(mesh: MeshSettings, metres_per_unit: float | None) -> Wish:
    """What of the scene the mesh is to show, in world units."""
    if mesh.box is None:
        return Wish(mesh.chosen_crop)
    box = np.array([mesh.box.low, mesh.box.high], np.float64) / (metres_per_unit or 1.0)
    return Wish(mesh.chosen_crop, box)


def summary(document: MeshDocument, names: Mapping[str, str]) -> str:
    """The mesh in a line, with what is not in it and why. `names` are what the source calls the photos, by those of
    their files without suffix."""
    kind = "closed" if document.watertight else "open"
    parts = [f"{document.faces} triangles in {_pieces(document.components)}, {kind}"]
    if document.confirmed_share is not None:
        parts.append(f"photos confirm {document.confirmed_share:.0%} of their depth")
    by_reason: dict[str, list[str]] = {}
    for name, why in document.without_photo_depth.items():
        by_reason.setdefault(why, []).append(names.get(Path(name).stem, name))
    parts += [f"{listed(photos)}: no depth of its own, for {why}" for why, photos in by_reason.items()]
    if document.unsupported_pieces:
        parts.append(f"{_pieces(document.unsupported_pieces)} dropped that most photos see past")
    if document.crop is not None:
        parts.append(document.crop.in_words())
    return "; ".join(parts)


def _budget(context: StageContext) -> Budget:
    if trained_makes(context) is Makes.GAUSSIANS:
        return GAUSSIANS_BUDGET
    import torch  # what the field is made of: loaded by now

    wanted = context.spec.training.device
    return GPU_BUDGET if wanted is not Device.CPU and torch.cuda.is_available() else CPU_BUDGET


def _pieces(count: int) -> str:
    return "one piece" if count == 1 else f"{count} pieces"
