"""Where Gaussians begin: at the points of the sparse model, in the colours of the photos that show them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..training.posed_photos import PosedPhoto, Scene
from ..training.scene_bounds import Bounds

FEWEST = 100
"""Points below which Gaussians begin at random places instead."""


def seed_points(
    scene: Scene, photos: Sequence[PosedPhoto], pictures: Sequence[NDArray[np.uint8]], bounds: Bounds, count: int
) -> tuple[Tensor, Tensor]:
    """Positions [P, 3] in world units and colours [P, 3] in 0..255; `count` grey points at random in the box where the
    sparse model has too few."""
    if len(scene.points) < FEWEST:
        low, high = (torch.tensor(corner) for corner in (bounds.box or tuple(map(tuple, scene.box.tolist()))))
        return low + torch.rand(count, 3) * (high - low), torch.full((count, 3), 127.5)
    colours = _colours(scene, photos, pictures)
    return torch.from_numpy(scene.points.astype(np.float32)), torch.from_numpy(colours)


def _colours(scene: Scene, photos: Sequence[PosedPhoto], pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Mean colour of each point in the photos that show it; grey where none does."""
    frame_of = {photo.name: index for index, photo in enumerate(scene.photos)}
    sums, seen = np.zeros((len(scene.points), 3)), np.zeros(len(scene.points))
    for photo, picture in zip(photos, pictures, strict=True):
        points = scene.observations[scene.observations[:, 0] == frame_of[photo.name], 1]
        columns, rows, points = _pixels(photo, scene.points, points)
        np.add.at(sums, points, picture[rows, columns, :3])
        np.add.at(seen, points, 1)
    mean = sums / np.maximum(seen, 1)[:, None]
    return np.where(seen[:, None] > 0, mean, 127.5).astype(np.float32)


def _pixels(
    photo: PosedPhoto, positions: NDArray[np.float64], points: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Columns and rows at which a photo shows `points`, and those points of them that lie in the picture."""
    camera = photo.camera
    local = (positions[points] - camera.camera_to_world[:3, 3]) @ camera.camera_to_world[:3, :3]
    front = local[:, 2] < 0
    local, points = local[front], points[front]
    columns = np.floor(camera.cx - camera.fx * local[:, 0] / local[:, 2]).astype(np.int64)
    rows = np.floor(camera.cy + camera.fy * local[:, 1] / local[:, 2]).astype(np.int64)
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    return columns[inside], rows[inside], points[inside]
