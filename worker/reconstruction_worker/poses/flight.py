"""Ground that cameras have flown over: all that they show of it is wanted, not only where most points are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .posed_model import PosedModel

LOOKING_DOWN: Final = 0.5
"""Sine of the angle below the horizon at which cameras look, on average, from which they may show ground from above."""
AS_WIDE: Final = 0.5
"""Extent of what the cameras look at, as a share of their own, from which they pass over it: a ring of cameras looks at
one place."""
FAR: Final = 2.0
"""Factor of the usual distance from its nearest camera from which a point is not of the ground below."""
STRAY: Final = 0.3
"""Percent of the points on each side that may be wrong."""

Array = NDArray[np.float64]


def ground_below(model: PosedModel, trusted: NDArray[np.bool_]) -> Array | None:
    """Lower and upper corner [2, 2] of what cameras that fly over a scene (z up) show of it, level; None where they do
    not fly over it. `trusted` [P] says which points count."""
    if not trusted.any() or not flies_over(model.poses, float(np.median(model.points.xyz[trusted, 2]))):
        return None
    distances = _nearest_distances(model)
    near = trusted & (distances < FAR * np.median(distances[trusted]))
    return np.percentile(model.points.xyz[near, :2], [STRAY, 100 - STRAY], axis=0)


def flies_over(poses: Array, ground: float) -> bool:
    """Whether cameras [N, 4, 4] (axes as in OpenCV, z up in the world) look down at different places of a level ground
    at that height, as a drone does, rather than all at one, as round a table."""
    centres, axes = poses[:, :3, 3], poses[:, :3, 2]
    if -float(axes[:, 2].mean()) < LOOKING_DOWN or (centres[:, 2] <= ground).any():
        return False
    down = axes[:, 2] < -0.1
    reach = (centres[down, 2] - ground) / -axes[down, 2]
    looked_at = centres[down, :2] + reach[:, None] * axes[down, :2]
    return _extent(looked_at) > AS_WIDE * _extent(centres[:, :2])


def _extent(places: Array) -> float:
    return float(np.linalg.norm(places - np.median(places, axis=0), axis=1).mean()) if len(places) else 0.0


def _nearest_distances(model: PosedModel) -> Array:
    """From each point to the nearest camera that shows it; infinite where none is known to."""
    shots, points = model.points.observations.T
    distances = np.full(len(model.points.xyz), np.inf)
    away = np.linalg.norm(model.poses[shots, :3, 3] - model.points.xyz[points], axis=1)
    np.minimum.at(distances, points, away)
    return distances
