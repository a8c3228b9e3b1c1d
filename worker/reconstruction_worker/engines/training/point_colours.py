"""What colour the points of the sparse model have in the photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .posed_photos import PosedPhoto, Scene

GREY = 127.5


def point_colours(
    scene: Scene, photos: Sequence[PosedPhoto], pictures: Sequence[NDArray[np.uint8]]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Mean colour of each point in the `photos` that show it, 0..255, grey where none does [P, 3]; and how many do
    [P]."""
    frame_of = {photo.name: index for index, photo in enumerate(scene.photos)}
    sums, seen = np.zeros((len(scene.points), 3)), np.zeros(len(scene.points), np.int64)
    for photo, picture in zip(photos, pictures, strict=True):
        points = scene.observations[scene.observations[:, 0] == frame_of[photo.name], 1]
        columns, rows, points = _pixels(photo, scene.points, points)
        np.add.at(sums, points, picture[rows, columns, :3])
        np.add.at(seen, points, 1)
    mean = sums / np.maximum(seen, 1)[:, None]
    return np.where(seen[:, None] > 0, mean, GREY).astype(np.float32), seen


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
