"""The figures of one finished run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reconstruction_api.stages import StageName
from reconstruction_worker.geometry.mesh import Mesh, component_labels, face_cross, with_faces
from reconstruction_worker.geometry.ply_file import read_ply
from reconstruction_worker.records import read_record

from . import still_life
from .nearness import Nearness, nearness
from .sets import PhotoSet

HIDDEN_BELOW = 0.06
"""Height up to which the table hides the figure from all photos."""


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
    known: Nearness | None = None


def figures(photo_set: PhotoSet, workspace: Path) -> Row:
    """Of a workspace whose mesh is textured."""
    document, texture = _read(workspace, "mesh/mesh.json"), _read(workspace, "texture/texture.json")
    records = [record for name in StageName if (record := read_record(workspace, name)) is not None]
    seconds = {record.stage: record.seconds for record in records}
    mesh = read_ply(workspace / "mesh" / "mesh.ply")
    count, labels = component_labels(mesh)
    areas = np.bincount(labels, weights=np.linalg.norm(face_cross(mesh), axis=1), minlength=count)
    shown = texture.get("heldOut") or {}
    return Row(
        set=photo_set.name,
        seconds=round(sum(seconds.values()), 1),
        mesh_seconds=round(seconds[StageName.MESH], 1),
        confirmed_share=document.get("confirmedShare"),
        main_piece_share=round(float(areas.max() / areas.sum()), 4),
        faces=document["faces"],
        resolution=document.get("resolution"),
        mesh_coverage=shown.get("coverage"),
        mesh_psnr=shown.get("psnr"),
        mesh_ssim=shown.get("ssim"),
        held_out_psnr=_read(workspace, "evaluate/quality.json").get("psnr"),
        known=_known(workspace, mesh) if photo_set.known else None,
    )


def _known(workspace: Path, mesh: Mesh) -> Nearness:
    """In the frame in which the scene was made: `worldFromModel` leads from there to the workspace's world."""
    matrix = np.array(_read(workspace, "poses/transforms.json")["worldFromModel"])
    model = (mesh.vertices - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T
    truth = still_life.figure()
    seen = truth.vertices[truth.faces].mean(axis=1)[:, 2] > HIDDEN_BELOW
    above = model[mesh.faces].mean(axis=1)[:, 2] > HIDDEN_BELOW
    return nearness(with_faces(Mesh(model, mesh.faces), above), with_faces(truth, seen))


def _read(workspace: Path, name: str) -> dict[str, Any]:
    return json.loads((workspace / name).read_text(encoding="utf-8"))
