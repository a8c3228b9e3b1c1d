"""What depth maps from different places agree on."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from ..compiled import threaded
from .field_depth import DepthMap, trust
from .tsdf import camera_arrays
from .visibility import pixel

PIXELS = 1.5
"""How far a point may lie from where it came from after it went to another depth map and back, in pixels."""
DEPTH_SHARE = 0.05
"""How much its distance may differ."""
WITNESSES = 2
"""Other depth maps that must confirm a pixel's depth."""


@dataclass(frozen=True)
class Agreement:
    """Depth maps that hold only what others confirm."""

    maps: list[DepthMap]
    disagreement: float
    """Median difference of distance between maps that confirm each other, in world units."""
    confirmed: float
    """Share of the pixels."""


def agreed(
    maps: list[DepthMap], witnesses: int = WITNESSES, among: Sequence[Collection[int]] | None = None
) -> Agreement:
    """Keep the pixels whose depth enough other maps confirm, with the mean of what they say. The others' alpha is 0.
    `among` says for each map which others are asked; all where it is None."""
    needed = min(witnesses, len(maps) - 1)
    arrays = [camera_arrays(one.camera) for one in maps]
    result, gaps, confirmed, pixels = [], [], 0, 0
    for number, one in enumerate(maps):
        shape = one.distance.shape
        total, spread = np.zeros(shape), np.zeros(shape)
        count = np.zeros(shape, np.int32)
        mine = (one.points(), one.distance, one.alpha, *arrays[number])
        for other, theirs in enumerate(maps):
            if other != number and (among is None or other in among[number]):
                _confirm(shape[0], total, spread, count, *mine, theirs.distance, theirs.alpha, *arrays[other])
        sure = (count >= needed) & (one.alpha > 0)
        mean = np.where(sure, (one.distance + total) / (1 + count), one.distance).astype(np.float32)
        alpha = sure.astype(np.float32)
        result.append(DepthMap(one.camera, mean, alpha, trust(one.camera, mean, alpha)))
        gaps.append(spread[sure] / np.maximum(count[sure], 1))
        confirmed, pixels = confirmed + int(sure.sum()), pixels + sure.size
    between = np.concatenate(gaps)
    return Agreement(result, float(np.median(between)) if len(between) else 0.0, confirmed / max(pixels, 1))


@njit
def _back(point, rotation, centre, lens, column, row):  # pragma: no cover - compiled
    """How far from a pixel's centre a point is seen."""
    x, y, depth = pixel(point, rotation, centre, lens)
    return math.hypot(x - column - 0.5, y - row - 0.5) if depth > 0 else math.inf


@threaded()
def _confirm(
    begin,
    end,
    total,
    spread,
    count,
    points,
    distance,
    alpha,
    rotation,
    centre,
    lens,
    their_distance,
    their_alpha,
    their_rotation,
    their_centre,
    their_lens,
):  # pragma: no cover - compiled
    """Add the distances at which another map sees what this one sees."""
    width = distance.shape[1]
    for row in range(begin, end):
        point = np.empty(3)
        for column in range(width):
            if alpha[row, column] <= 0:
                continue
            x, y, depth = pixel(points[row, column], their_rotation, their_centre, their_lens)
            if depth <= 0 or x < 0 or y < 0 or x >= their_distance.shape[1] or y >= their_distance.shape[0]:
                continue
            i, j = int(y), int(x)
            if their_alpha[i, j] <= 0:
                continue
            # Where the other map's surface is on its ray to the point: the map's depth at the nearest pixel.
            reach = 0.0
            for axis in range(3):
                reach += (points[row, column, axis] - their_centre[axis]) ** 2
            reach = math.sqrt(reach)
            away = 0.0
            for axis in range(3):
                along = (points[row, column, axis] - their_centre[axis]) / reach
                point[axis] = their_centre[axis] + along * their_distance[i, j]
                away += (point[axis] - centre[axis]) ** 2
            away = math.sqrt(away)
            if abs(away - distance[row, column]) > DEPTH_SHARE * distance[row, column]:
                continue
            back = _back(point, rotation, centre, lens, column, row)
            if back > PIXELS:
                continue
            total[row, column] += away
            spread[row, column] += abs(away - distance[row, column])
            count[row, column] += 1
