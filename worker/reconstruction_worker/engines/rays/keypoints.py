"""Pixels whose distance is known from depth maps or the points of the sparse model, or roughly known from the ground
between those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..training.posed_photos import PosedPhoto, Scene
from .heights import Heights

MIN_TRACK = 3
"""Photos that must show a point for it to count: two agree by chance."""

INTERSECTION_ROUNDS = 5
"""Times that the height under a ray is looked up at where the last one put its end."""


@dataclass(frozen=True)
class Keypoints:
    """K pixels: `views` index the photos, `rows` and `columns` are whole pixels, `distances` are along the ray."""

    views: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    distances: NDArray[np.float32]
    reach: float = 0.0
    """How far from its distance the surface may be; 0 where the distance is that of a point."""
    share: float = 0.1
    """Of a batch, that is taken from these pixels."""

    def __len__(self) -> int:
        return len(self.views)


GUESS_EVERY = 4
"""Rows and columns between pixels whose distance is guessed."""
GUESS_REACH = 0.15
"""How far the surface may be from the ground between the points, as a share of the cameras' height above it: trees and
houses stand between points."""


DEPTH_SHARE = 0.2
"""Share of a batch that is taken from pixels of depth maps for each of two purposes."""
CLEAR_SHARE = 0.03
"""Distance from what a depth map shows, as a share of it, from which there is nothing."""
MOST_DEPTHS = 2_000_000
"""Pixels of depth maps that are kept, evenly spread."""


def find_depths(photos: Sequence[PosedPhoto]) -> list[Keypoints]:
    """The pixels that depth maps beside the `photos` tell of, twice: to draw density to where the surface is, and to
    take it away from where nothing is. Behind fog the former alone would be out of reach."""
    found: list[tuple[NDArray[np.int64], ...]] = [(np.zeros(0, np.int64),) * 3]
    distances: list[NDArray[np.float64]] = [np.zeros(0)]
    for view, photo in enumerate(photos):
        along_axis, camera = photo.distances(), photo.camera
        if along_axis is None:
            continue
        row, column = np.nonzero(along_axis)
        step = max(1, round(len(row) * len(photos) / MOST_DEPTHS))
        row, column = row[::step], column[::step]
        height, width = along_axis.shape
        x = (column + 0.5) * camera.width / width
        y = (row + 0.5) * camera.height / height
        longer = np.sqrt(1 + ((x - camera.cx) / camera.fx) ** 2 + ((y - camera.cy) / camera.fy) ** 2)
        found.append((np.full(len(row), view), y.astype(np.int64), x.astype(np.int64)))
        distances.append(along_axis[row, column] * longer)
    views, rows, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
    known = np.concatenate(distances).astype(np.float32)
    exact = Keypoints(views, rows, columns, known, share=DEPTH_SHARE)
    return [exact, replace(exact, reach=CLEAR_SHARE * float(np.median(known)))] if len(known) else []


def find_ground(scene: Scene, photos: Sequence[PosedPhoto]) -> Keypoints:
    """Where the rays of the `photos` of an aerial scene meet the surface that connects the sparse points."""
    points = scene.points
    heights = Heights(points)
    ground = float(np.median(points[:, 2]))
    found: list[tuple[NDArray[np.int64], ...]] = []
    distances: list[NDArray[np.float64]] = []
    above: list[float] = []
    for view, photo in enumerate(photos):
        camera = photo.camera
        centre = camera.camera_to_world[:3, 3]
        rows, columns = (
            grid.reshape(-1)
            for grid in np.mgrid[
                GUESS_EVERY // 2 : camera.height : GUESS_EVERY, GUESS_EVERY // 2 : camera.width : GUESS_EVERY
            ]
        )
        x, y = (columns + 0.5 - camera.cx) / camera.fx, (rows + 0.5 - camera.cy) / camera.fy
        directions = np.stack([x, -y, -np.ones_like(x)], axis=1) @ camera.camera_to_world[:3, :3].T
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        distance = (ground - centre[2]) / directions[:, 2]
        for _ in range(INTERSECTION_ROUNDS):
            level = heights.at(centre[:2] + directions[:, :2] * distance[:, None])
            distance = (level - centre[2]) / directions[:, 2]
        found.append((np.full(len(rows), view), rows, columns))
        distances.append(distance)
        above.append(float(centre[2]) - ground)
    views, rows, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
    reach = GUESS_REACH * float(np.median(above))
    return Keypoints(views, rows, columns, np.concatenate(distances).astype(np.float32), reach)


def find_keypoints(scene: Scene, photos: Sequence[PosedPhoto]) -> Keypoints:
    """Those that fall into `photos`, some of the scene's; empty where the scene has no sparse points."""
    tracks = np.bincount(scene.observations[:, 1], minlength=len(scene.points))
    frame_of = {photo.name: index for index, photo in enumerate(scene.photos)}
    found: list[tuple[NDArray[np.int64], ...]] = []
    distances: list[NDArray[np.float64]] = []
    for view, photo in enumerate(photos):
        camera = photo.camera
        points = scene.observations[scene.observations[:, 0] == frame_of[photo.name], 1]
        offset = scene.points[points[tracks[points] >= MIN_TRACK]] - camera.camera_to_world[:3, 3]
        local = offset @ camera.camera_to_world[:3, :3]
        local, offset = local[local[:, 2] < 0], offset[local[:, 2] < 0]
        columns = np.floor(camera.cx - camera.fx * local[:, 0] / local[:, 2]).astype(np.int64)
        rows = np.floor(camera.cy + camera.fy * local[:, 1] / local[:, 2]).astype(np.int64)
        inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
        found.append((np.full(inside.sum(), view), rows[inside], columns[inside]))
        distances.append(np.linalg.norm(offset[inside], axis=1))
    views, rows, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Keypoints(views, rows, columns, np.concatenate(distances).astype(np.float32))
