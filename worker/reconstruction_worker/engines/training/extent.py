"""Where an open scene can be: photos from the air show a slab of ground, everything else reaches to the horizon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...geometry.rendering import Camera

FEWEST_POINTS = 50
"""Points below which their heights say too little."""
STEEP = 0.2
"""How much a ray must go down for a unit of its length to be sure to reach the ground."""
BELOW, ABOVE = 0.1, 0.3
"""What is added to the points' range of heights, as shares of the cameras' height above the ground: points are few on
water, on roofs and in the tops of trees."""
CLEARANCE = 0.7
"""Share of that height above which nothing is expected to stand."""


def ground_box(cameras: Sequence[Camera], points: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The box [2, 3] that holds all that the cameras can see of the ground, where they all look down on it from above
    the `points` [P, 3]; None for any other scene. z is up."""
    if len(points) < FEWEST_POINTS:
        return None
    lowest, ground, highest = np.percentile(points[:, 2], [0.5, 50, 99.5])
    positions = np.array([camera.camera_to_world[:3, 3] for camera in cameras])
    height = float(np.median(positions[:, 2])) - ground
    bottom = lowest - BELOW * height
    top = min(highest + ABOVE * height, float(positions[:, 2].min()) - (1 - CLEARANCE) * height)
    corners = np.stack([_corner_directions(camera) for camera in cameras])  # [V, 4, 3]
    if height <= 0 or top <= highest or (corners[..., 2] > -STEEP).any():
        return None
    hits = [
        positions[:, None] + corners * ((level - positions[:, None, 2:]) / corners[..., 2:]) for level in (bottom, top)
    ]
    seen = np.concatenate([hit.reshape(-1, 3) for hit in hits])
    return np.stack([seen.min(axis=0), seen.max(axis=0)])


def _corner_directions(camera: Camera) -> NDArray[np.float64]:
    """Unit directions [4, 3] through the picture's corners, in the world."""
    x = (np.array([0, camera.width, camera.width, 0]) - camera.cx) / camera.fx
    y = (np.array([0, 0, camera.height, camera.height]) - camera.cy) / camera.fy
    directions = np.stack([x, -y, -np.ones(4)], axis=1) @ camera.camera_to_world[:3, :3].T
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)
