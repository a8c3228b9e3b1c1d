"""From the frame and unit of a pair to the world: the similarity under which the network's points lie on our cameras'
rays. Without the second camera only their direction would be known; its distance from the first gives the unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_worker.geometry.cameras import pixel_rays
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.geometry.similarity import Similarity, fit_similarity

MOST_POINTS: Final = 3000
"""Of a view, spread evenly."""
ROUNDS: Final = 12
OPENCV: Final = np.diag([1.0, -1.0, -1.0])
"""From axes x right, y down, z forward to a camera's own (OpenGL)."""
_LEAST_LEVER: Final = 1e-9


@dataclass(frozen=True)
class Alignment:
    """World from the first camera's frame, in which both views' points are."""

    world: Similarity
    residual: float
    """Median distance of the points from their rays, as a share of their distance from the camera."""


def align(
    cameras: tuple[Camera, Camera], points: tuple[NDArray[np.float32], NDArray[np.float32]],
    weights: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> Alignment | None:  # fmt: skip
    """`points` [H, W, 3] of both views in the first one's frame (OpenCV axes), and their `weights` [H, W], 0 where they
    say nothing. None where they don't tell the unit."""
    chosen = [_chosen(each) for each in weights]
    if any(len(each) < 10 for each in chosen):
        return None
    source = np.concatenate([p.reshape(-1, 3)[i] for p, i in zip(points, chosen, strict=True)]).astype(np.float64)
    ways = np.concatenate([pixel_rays(c).reshape(-1, 3)[i] for c, i in zip(cameras, chosen, strict=True)])
    count = [len(each) for each in chosen]
    starts = np.repeat([camera.camera_to_world[:3, 3] for camera in cameras], count, axis=0)
    weight = np.concatenate([w.ravel()[i] for w, i in zip(weights, chosen, strict=True)]).astype(np.float64)
    turn = cameras[0].camera_to_world[:3, :3] @ OPENCV
    origin = cameras[0].camera_to_world[:3, 3]
    unit = _unit(source[count[0] :] @ turn.T, ways[count[0] :], starts[count[0] :] - origin, weight[count[0] :])
    if unit is None:
        return None
    found = Similarity(unit, turn, origin)
    for _ in range(ROUNDS):
        target, off = _nearest(found.points(source), starts, ways)
        tuned = weight / np.maximum(off / max(float(np.median(off)), 1e-12), 1)  # far ones count by their distance
        found = fit_similarity(source, target, tuned)
        if not np.isfinite(found.scale) or found.scale <= 0:
            return None
    placed = found.points(source)
    _, off = _nearest(placed, starts, ways)
    return Alignment(found, float(np.median(off / np.maximum(np.linalg.norm(placed - starts, axis=1), 1e-12))))


def _unit(
    points: NDArray[np.float64], ways: NDArray[np.float64], base: NDArray[np.float64], weights: NDArray[np.float64]
) -> float | None:
    """World units for one of the network's: `points` are of the second view, seen from the first camera, turned to the
    world; `base` is where the second camera is from there. A point lies on its ray where unit * point x ray = base x
    ray; of the units that the points ask for, the median by how much they can tell."""
    asked, told = np.cross(points, ways), np.cross(base, ways)
    lever = (asked**2).sum(axis=1)
    useful = lever > _LEAST_LEVER * max(float(np.median((points**2).sum(axis=1))), 1e-12)
    if useful.sum() < 10:
        return None
    units = (asked * told).sum(axis=1)[useful] / lever[useful]
    share = weights[useful] * np.sqrt(lever[useful])
    order = np.argsort(units)
    total = np.cumsum(share[order])
    unit = float(units[order][np.searchsorted(total, total[-1] / 2)])
    return unit if np.isfinite(unit) and unit > 0 else None


def _nearest(
    points: NDArray[np.float64], starts: NDArray[np.float64], ways: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The place on each point's ray that is nearest to it, in front of the camera, and how far that is."""
    along = np.maximum(((points - starts) * ways).sum(axis=1), 1e-9)
    target = starts + along[:, None] * ways
    return target, np.linalg.norm(points - target, axis=1)


def _chosen(weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of pixels that say something, at most so many, spread evenly."""
    useful = np.flatnonzero(weights.ravel() > 0)
    return useful[:: max(1, len(useful) // MOST_POINTS)]
