"""Points of the scene that several photos show: the sparse model's, and some of the trained field's surface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cameras import project
from .field_depth import OPAQUE, DepthMap
from .scene import View
from .sparse import SparsePoints

OF_EACH = 200
"""Points of the field's surface taken from a photo's view."""
SAME_DEPTH = 0.05
"""Share by which the depth of a point may differ from that of the field seen there."""


@dataclass(frozen=True)
class Landmarks:
    """Points that photos have in common."""

    positions: NDArray[np.float64]  # [P, 3]
    seen: NDArray[np.bool_]  # [N, P] which photo shows which
    accurate: int
    """So many of them, the first, are the sparse model's."""

    def sparse(self, number: int) -> NDArray[np.float64]:
        """The sparse model's points that a photo shows. [K, 3]"""
        return self.positions[: self.accurate][self.seen[number, : self.accurate]]


def landmarks(
    views: Sequence[View], field: Mapping[str, DepthMap], points: SparsePoints, box: NDArray[np.float64]
) -> Landmarks:
    """Points of the `views`; `field` has the trained field's depth by their names. Of its surface only what lies in
    `box` [2, 3] counts. A view that can't be used shows none."""
    own = np.concatenate([_surface_points(field[view.name], box) for view in views])
    seen = np.stack([_shows(field[view.name], own) for view in views])
    usable = np.array([view.usable for view in views])
    return Landmarks(
        np.concatenate([points.positions, own]),
        np.concatenate([points.shown_by(views), seen], axis=1) & usable[:, None],
        len(points.positions),
    )


def _surface_points(one: DepthMap, box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Some points of what a depth map shows, evenly taken. [K, 3]"""
    points = one.points()[one.alpha >= OPAQUE]
    points = points[((points >= box[0]) & (points <= box[1])).all(axis=1)]
    return points[np.linspace(0, len(points) - 1, min(len(points), OF_EACH)).astype(int)]


def _shows(one: DepthMap, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points a depth map shows at the depth that they have. [P]"""
    pixels, depth = project(one.camera, points)
    column, row = np.floor(pixels).astype(np.int64).T
    inside = (depth > 0) & (column >= 0) & (row >= 0) & (column < one.camera.width) & (row < one.camera.height)
    shows = np.zeros(len(points), np.bool_)
    away = np.linalg.norm(points[inside] - one.camera.camera_to_world[:3, 3], axis=1)
    distance, alpha = one.distance[row[inside], column[inside]], one.alpha[row[inside], column[inside]]
    shows[inside] = (alpha >= OPAQUE) & (np.abs(distance - away) < SAME_DEPTH * away)
    return shows
