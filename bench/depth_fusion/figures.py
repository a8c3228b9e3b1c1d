"""The figures of one finished run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image

from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.render import over, render, textured
from reconstruction_worker.quality.metrics import psnr

from ..surface.nearness import Nearness, nearness
from .objects import Array, KnownObject
from .views import new_cameras, photograph

WHITE = np.ones(3)


@dataclass(frozen=True)
class Row:
    """One run's line in the results."""

    known: Nearness
    psnr: float
    """Mean over new views of the textured mesh, over white, in decibels."""
    worst_psnr: float
    faces: int
    seconds_after_poses: float
    said: str
    """What the train stage said."""


def figures(known: KnownObject, workspace: Path) -> Row:
    """Of a workspace whose mesh is textured."""
    records = {file.stem: json.loads(file.read_text()) for file in workspace.glob("stages/*.json")}
    with np.load(workspace / "texture" / "mesh.npz") as arrays:
        mesh = Mesh(in_frame_of_object(arrays["vertices"].astype(np.float64), workspace), arrays["faces"])
        uv = arrays["uv"]
    shown = new_views(known, mesh, uv, np.asarray(Image.open(workspace / "texture" / "basecolor.png").convert("RGB")))
    after = [records[name]["seconds"] for name in ("train", "evaluate", "mesh", "texture")]
    return Row(
        nearness(mesh, known.mesh),
        round(fmean(shown), 2),
        round(min(shown), 2),
        len(mesh.faces),
        round(sum(after), 1),
        records["train"]["message"],
    )


def in_frame_of_object(points: Array, workspace: Path) -> Array:
    """`worldFromModel` leads from the frame in which the object was made to the workspace's world."""
    matrix = np.array(json.loads((workspace / "poses" / "transforms.json").read_text())["worldFromModel"])
    return (points - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T


def new_views(known: KnownObject, mesh: Mesh, uv: np.ndarray, texture: np.ndarray) -> list[float]:
    """Decibels of each."""
    truth, caster, shader = Caster(known.mesh), Caster(mesh), textured(mesh, uv, texture)
    found = []
    for camera in new_cameras():
        photo, shown = photograph(known, truth, camera), render(caster, camera, shader)
        found.append(psnr(over(shown, WHITE) / 255.0, over(photo, WHITE) / 255.0))
    return found
