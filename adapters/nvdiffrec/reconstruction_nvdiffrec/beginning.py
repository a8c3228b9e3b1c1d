"""The mesh from which nvdiffrec goes on, and why that one: of the engine that ran before it, where its silhouettes are
those of the masks; else the surface of the fused depth maps; else none, which is its own grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconstruction_worker.engines.engine_document import FILE, EngineDocument
from reconstruction_worker.engines.result_files import read_surface
from reconstruction_worker.engines.training.posed_photos import PosedPhoto, Scene
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.scene import View
from reconstruction_worker.side_by_side.workspaces import trained_beside
from reconstruction_worker.stage import StageContext

BEFORE: Final = "reconviagen"
"""The engine whose mesh may be gone on from: it notes how well the mesh fits the photos."""
SILHOUETTES: Final = "silhouettes"
"""The entry of its settings."""
LEAST_AGREEMENT: Final = 0.85
"""Of its silhouettes with the masks (IoU), from which its mesh is where the object is."""


@dataclass(frozen=True)
class Beginning:
    mesh: Mesh | None
    words: str
    """For the stage's line."""


def beginning_of(context: StageContext, scene: Scene, train: list[PosedPhoto]) -> Beginning:
    found, remark = _made_before(context.workspace)
    if found is not None:
        return Beginning(found, f"begun at the mesh of {BEFORE}{remark}")
    if any(photo.depth is None for photo in train):
        return Beginning(None, f"begun at a grid{remark}")
    return Beginning(_fused(context, scene, train), f"begun at the fused depth maps{remark}")


def _made_before(workspace: Path) -> tuple[Mesh | None, str]:
    """The mesh, and what is to be said of it."""
    folder = trained_beside(workspace, BEFORE)
    if folder is None:
        return None, ""
    agreement = EngineDocument.read(folder / FILE).settings.get(SILHOUETTES)
    if not isinstance(agreement, (int, float)):  # it was not placed among the photos
        return None, ""
    if agreement < LEAST_AGREEMENT:
        return None, f", as the silhouettes of {BEFORE}'s mesh are those of the masks by {agreement:.0%} only"
    return read_surface(folder, BEFORE).mesh, f", whose silhouettes are those of the masks by {agreement:.0%}"


def _fused(context: StageContext, scene: Scene, train: list[PosedPhoto]) -> Mesh:
    from reconstruction_worker.engines.depth_fusion.fusing import WITNESSES, fused
    from reconstruction_worker.engines.depth_fusion.surface import surface_of

    maps = fused(context, scene)
    return surface_of(
        maps.aligned.maps,
        views_of(train),
        scene.box,
        maps.aligned.disagreement or 0.0,
        bounded=scene.bounded,
        witnesses=WITNESSES,
    ).mesh


def views_of(photos: list[PosedPhoto]) -> list[View]:
    return [View(photo.name, photo.camera, photo.file, photo.usable) for photo in photos]
