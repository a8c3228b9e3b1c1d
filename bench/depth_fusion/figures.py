"""The figures of one finished run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from reconstruction_api.stages import StageName
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.render import over, render, textured
from reconstruction_worker.quality.metrics import psnr

from ..finished import document, seconds_of_stages, textured_mesh
from ..surface.nearness import Nearness, nearness
from .objects import KnownObject
from .views import new_cameras, photograph

WHITE = np.ones(3)
AFTER_POSES = StageName.TRAIN, StageName.MESH, StageName.TEXTURE, StageName.EVALUATE


@dataclass(frozen=True)
class Row:
    """One run's line in the results."""

    known: Nearness
    psnr: float
    """Mean over new views of the textured mesh, over white, in decibels."""
    worst_psnr: float
    faces: int
    seconds_after_poses: float
    cpu_seconds_after_poses: float
    """Of two cores at most; the other one depends on what else the machine did."""
    said: str
    """What the train stage said."""


def figures(known: KnownObject, workspace: Path, cpu_seconds_after_poses: float) -> Row:
    """Of a workspace whose mesh is textured."""
    seconds = seconds_of_stages(workspace)
    mesh, uv, texture = textured_mesh(workspace)
    shown = new_views(known, mesh, uv, texture)
    return Row(
        nearness(mesh, known.mesh),
        round(fmean(shown), 2),
        round(min(shown), 2),
        len(mesh.faces),
        round(sum(seconds[name] for name in AFTER_POSES), 1),
        cpu_seconds_after_poses,
        document(workspace, "stages/train.json")["message"],
    )


def new_views(known: KnownObject, mesh: Mesh, uv: np.ndarray, texture: np.ndarray) -> list[float]:
    """Decibels of each."""
    truth, caster, shader = Caster(known.mesh), Caster(mesh), textured(mesh, uv, texture)
    found = []
    for camera in new_cameras():
        photo, shown = photograph(known, truth, camera), render(caster, camera, shader)
        found.append(psnr(over(shown, WHITE) / 255.0, over(photo, WHITE) / 255.0))
    return found
