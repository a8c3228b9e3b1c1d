"""What only one photo shows is hidden from the others: behind what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.cameras import pixel_rays, project
from ...geometry.rendering import Camera

STEPS, REACH = 24, 0.25
"""A pixel's distance is tried in so many steps up to so much farther, as a share of it."""
CLOSE = 0.004
"""How much nearer than what another photo shows a place may be, as a share of the distance there."""


@dataclass(frozen=True)
class Surface:
    """What a camera sees, as far as it is known."""

    camera: Camera
    distance: NDArray[np.float64]  # [H, W], along the rays
    shown: NDArray[np.bool_]  # [H, W], the scene and no background
    sure: NDArray[np.bool_]  # [H, W], confirmed by other photos
    farthest: NDArray[np.float64]  # [H, W], of what can be there


def behind_others(surfaces: Sequence[Surface]) -> list[NDArray[np.float64]]:
    """Distances of each surface, of which those that are not sure are moved back to where they hide nothing that
    another photo shows; those for which there is no such place nearby stay."""
    return [_moved_back(one, [other for other in surfaces if other is not one]) for one in surfaces]


def _moved_back(one: Surface, others: Sequence[Surface]) -> NDArray[np.float64]:
    chosen = one.shown & ~one.sure
    origin, rays = one.camera.camera_to_world[:3, 3], pixel_rays(one.camera)[chosen]
    first, farthest = one.distance[chosen], one.farthest[chosen]
    found, open_ = first.copy(), np.arange(len(first))
    for step in range(STEPS):
        tried = first[open_] * (1 + REACH * step / STEPS)
        points = origin + rays[open_] * tried[:, None]
        good = tried <= np.maximum(farthest, first)[open_]
        for other in others:
            good &= ~_hides(points, other)
        found[open_[good]] = tried[good]
        open_ = open_[~good]
    distance = one.distance.copy()
    distance[chosen] = found
    return distance


def _hides(points: NDArray[np.float64], other: Surface) -> NDArray[np.bool_]:
    """Which of the points [P, 3] are in front of what a camera sees."""
    pixels, depth = project(other.camera, points)
    column, row = np.floor(pixels).astype(np.int64).T
    camera = other.camera
    inside = (depth > 0) & (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
    column, row = np.where(inside, column, 0), np.where(inside, row, 0)
    away = np.linalg.norm(points - camera.camera_to_world[:3, 3], axis=1)
    return inside & other.shown[row, column] & (away < (1 - CLOSE) * other.distance[row, column])
