"""Which photos a photo is best compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .rendering import Camera

FEWEST_POINTS = 12
"""Points that a photo must show, and share with a neighbour."""
GOOD_ANGLE, LARGE_ANGLE = np.radians(8.0), np.radians(35.0)
"""Angle between two photos' rays to a point from which depth is determined well, and the angle above which patches look
different."""


def neighbours(
    number: int, cameras: list[Camera], positions: NDArray[np.float64], seen: NDArray[np.bool_], count: int
) -> list[int]:
    """At most `count` photos that together show best, and from a good distance, the points that a photo shows.

    `positions` [P, 3] are points of the scene, `seen` [N, P] says which photo shows which.
    """
    own = np.flatnonzero(seen[number])
    if len(own) < FEWEST_POINTS:
        return []
    value = np.zeros((len(cameras), len(own)))
    shared = seen[:, own].sum(axis=1)
    for other in np.flatnonzero(shared >= FEWEST_POINTS):
        if other != number:
            angle = _angles(positions[own], cameras[number], cameras[other])
            good = np.minimum(angle / GOOD_ANGLE, 1.0) * np.clip(2 - angle / LARGE_ANGLE, 0, 1)
            value[other] = seen[other, own] * good
    chosen: list[int] = []
    covered = np.zeros(len(own))
    while len(chosen) < count:
        gain = (value / (1 + covered)).sum(axis=1)
        gain[chosen] = 0
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        chosen.append(best)
        covered += value[best]
    return chosen


def _angles(positions: NDArray[np.float64], one: Camera, other: Camera) -> NDArray[np.float64]:
    """Angle between two cameras' rays to each point. [P]"""
    rays = [camera.camera_to_world[:3, 3] - positions for camera in (one, other)]
    a, b = (ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-12) for ray in rays)
    return np.arccos(np.clip((a * b).sum(axis=1), -1, 1))
