"""The figures of one finished run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reconstruction_api.stages import StageName
from reconstruction_worker.geometry.mesh import Mesh, piece_areas, with_faces
from reconstruction_worker.geometry.ply_file import read_ply

from ..finished import document, in_frame_of_photos, seconds_of_stages
from ..shapes.photos import witnesses
from .nearness import Nearness, nearness
from .sets import PhotoSet


@dataclass(frozen=True)
class Row:
    """One set's line in the results."""

    set: str
    seconds: float
    """All stages."""
    mesh_seconds: float
    confirmed_share: float | None
    main_piece_share: float
    faces: int
    resolution: int | None
    mesh_coverage: float | None = None
    mesh_psnr: float | None = None
    mesh_ssim: float | None = None
    held_out_psnr: float | None = None
    """Of the trained field, over whole pictures."""
    held_out_flip: float | None = None
    verdict: str | None = None
    up_degrees: float | None = None
    """Between the model's up and the one that was seen by hand."""
    known: Nearness | None = None


def figures(photo_set: PhotoSet, workspace: Path) -> Row:
    """Of a workspace whose mesh is textured."""
    extracted, texture = document(workspace, "mesh/mesh.json"), document(workspace, "texture/texture.json")
    seconds = seconds_of_stages(workspace)
    mesh = read_ply(workspace / "mesh" / "mesh.ply")
    shown = texture.get("heldOut") or {}
    quality = document(workspace, "evaluate/quality.json")
    return Row(
        set=photo_set.name,
        seconds=round(sum(seconds.values()), 1),
        mesh_seconds=round(seconds[StageName.MESH], 1),
        confirmed_share=extracted.get("confirmedShare"),
        main_piece_share=main_piece_share(mesh),
        faces=extracted["faces"],
        resolution=extracted.get("resolution"),
        mesh_coverage=shown.get("coverage"),
        mesh_psnr=shown.get("psnr"),
        mesh_ssim=shown.get("ssim"),
        held_out_psnr=quality.get("psnr"),
        held_out_flip=quality.get("flip"),
        verdict=quality.get("verdict"),
        up_degrees=None if photo_set.up is None else _off_upright(*photo_set.up, workspace),
        known=known(photo_set, workspace, mesh) if photo_set.known else None,
    )


def _off_upright(photo: str, up: tuple[float, float, float], workspace: Path) -> float:
    """Degrees between z, which is up in the model, and a direction in a photo: right, up and backward."""
    frames = document(workspace, "poses/transforms.json")["frames"]
    (matrix,) = (frame["transform_matrix"] for frame in frames if Path(frame["file_path"]).stem == photo)
    seen = np.array(matrix)[:3, :3] @ up
    return round(float(np.degrees(np.arccos(np.clip(seen[2] / np.linalg.norm(seen), -1, 1)))), 1)


def main_piece_share(mesh: Mesh) -> float:
    """Of the area, what the largest piece has."""
    areas, _ = piece_areas(mesh)
    return round(float(areas.max() / areas.sum()), 4)


def known(photo_set: PhotoSet, workspace: Path, mesh: Mesh) -> Nearness:
    """How near a mesh of the workspace's world is to the set's shape, in the frame in which that was made. Of both,
    only what photos show: how a hole is closed that none of them can look into is nobody's fault or merit."""
    assert photo_set.known is not None and photo_set.cameras is not None
    model = in_frame_of_photos(mesh.vertices, workspace)
    whole = Mesh(model, mesh.faces)
    if not len(mesh.faces):
        return nearness(whole, photo_set.known())
    judged = witnesses(whole, photo_set.cameras()) > 0
    if photo_set.above is not None:
        judged &= model[mesh.faces].mean(axis=1)[:, 2] > photo_set.above
    return nearness(with_faces(whole, judged), photo_set.known())
