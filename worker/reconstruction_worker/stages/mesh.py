"""Stage `mesh`: the surface of the trained field, as `mesh/mesh.ply` with its numbers in `mesh/mesh.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconstruction_api.job import Device
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName

from ..engines.base import Makes
from ..engines.trained import trained, trained_makes
from ..engines.training.split import read_split
from ..files import write_document
from ..geometry.coloured_mesh import ColouredMesh
from ..geometry.depth_budget import CPU_BUDGET, GAUSSIANS_BUDGET, GPU_BUDGET, Budget
from ..geometry.extract import extract_mesh, finished_mesh
from ..geometry.mesh_document import FILE, MeshDocument
from ..geometry.ply_file import write_ply
from ..geometry.scene import load_scene
from ..geometry.sparse import load_points
from ..geometry.stand_ins import with_stand_ins
from ..poses.dataset_photos import source_names
from ..poses.registration import listed
from ..stage import StageContext, StageOutput
from ..stage_files import SURFACE

DOCUMENT = MeshDocument


def run(context: StageContext) -> StageOutput:
    """The engine's own mesh where it makes one; otherwise depth is rendered from the training cameras and fused. Raises
    EmptyMesh when there is no surface."""
    made = trained(context)
    faces = context.spec.mesh.target_faces
    photographed = load_scene(context.workspace)
    if isinstance(made, ColouredMesh):
        mesh, document = finished_mesh(made.mesh, faces)
    else:
        names = read_split(context.of(StageName.TRAIN), (view.name for view in photographed.views)).train
        trained_on = photographed.only(names)
        scene = with_stand_ins(trained_on, made)
        points = load_points(context.workspace, photographed) if scene is trained_on else None
        share = context.spec.mesh.min_piece_share
        mesh, document = extract_mesh(
            made, scene, faces, _budget(context), context.advance, points, None if share is None else float(share)
        )
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
    return "; ".join(parts)


def _budget(context: StageContext) -> Budget:
    if trained_makes(context) is Makes.GAUSSIANS:
        return GAUSSIANS_BUDGET
    import torch  # what the field is made of: loaded by now

    wanted = context.spec.training.device
    return GPU_BUDGET if wanted is not Device.CPU and torch.cuda.is_available() else CPU_BUDGET


def _pieces(count: int) -> str:
    return "one piece" if count == 1 else f"{count} pieces"
