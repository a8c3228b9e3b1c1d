"""Which photos are looked at together: by what their cameras show in common, and how far apart they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_worker.engines.training.posed_photos import Scene
from reconstruction_worker.geometry.cameras import project
from reconstruction_worker.geometry.rendering import Camera

PARTNERS: Final = 2
"""Of each photo: where what the network sees in one pair does not fit the cameras, the other may."""
BEST_ANGLE: Final = 8.0
"""Degrees between two views of a place from which on their distance says how large it is."""
LARGEST_ANGLE: Final = 90.0
"""From which on they show different sides of it."""
FALLING_FROM: Final = 35.0
FEWEST_POINTS: Final = 50
"""Of the sparse model; of fewer, a grid in the scene's box takes their place."""
GRID: Final = 8


@dataclass(frozen=True)
class Pair:
    """Two photos by number; the layer is that of the first."""

    first: int
    second: int
    overlap: float
    """Share of what the first shows that the second shows too, less where they are too close or too far apart."""


def best_pairs(cameras: Sequence[Camera], scene: Scene) -> list[Pair]:
    """For each camera those with its best partners, best first; none for one that shares nothing with another."""
    points = scene.points if len(scene.points) >= FEWEST_POINTS else _grid(scene)
    seen = np.array([_seen(camera, points) for camera in cameras])
    pairs: list[Pair] = []
    for first in range(len(cameras)):
        others = [
            Pair(first, second, _overlap(cameras, points, seen, first, second))
            for second in range(len(cameras))
            if second != first
        ]
        useful = sorted((each for each in others if each.overlap > 0), key=lambda each: -each.overlap)
        pairs += useful[:PARTNERS]
    return pairs


def _overlap(
    cameras: Sequence[Camera], points: NDArray[np.float64], seen: NDArray[np.bool_], first: int, second: int
) -> float:
    both = seen[first] & seen[second]
    if not both.any():
        return 0.0
    ways = [points[both] - cameras[each].camera_to_world[:3, 3] for each in (first, second)]
    a, b = (way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-12) for way in ways)
    angle = np.degrees(np.arccos((a * b).sum(axis=1).clip(-1, 1)))
    worth = np.minimum(angle / BEST_ANGLE, 1) * ((LARGEST_ANGLE - angle) / (LARGEST_ANGLE - FALLING_FROM)).clip(0, 1)
    return float(worth.sum() / max(int(seen[first].sum()), 1))


def _seen(camera: Camera, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each point is in the picture. [P]"""
    places, depth = project(camera, points)
    return (depth > 0) & (places >= 0).all(axis=1) & (places < [camera.width, camera.height]).all(axis=1)


def _grid(scene: Scene) -> NDArray[np.float64]:
    """Points spread over the scene's box."""
    share = (np.arange(GRID) + 0.5) / GRID
    low, high = scene.box
    places = np.stack(np.meshgrid(share, share, share, indexing="ij"), axis=-1).reshape(-1, 3)
    return low + (high - low) * places
