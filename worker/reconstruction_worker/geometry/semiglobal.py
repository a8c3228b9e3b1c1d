"""The smoothest depth map among those that match well: semi-global matching.

H. Hirschmüller, "Stereo processing by semiglobal matching and mutual information", PAMI 2008: costs are gathered along
eight directions through the picture; a step of one plane from a pixel to the next is cheap, a larger one costs the same
however large it is, and less where the photo has an edge.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..compiled import threaded

SMALL_STEP, LARGE_STEP = 0.12, 2.0
"""Costs of a step of one plane and of more, where a perfect match costs 0 and an arbitrary one 1."""
EDGE = 40.0
"""Difference of grey values (0..255) between neighbours at which a large step costs half."""
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))


def smoothest_in_band(
    cost: NDArray[np.float32], grey: NDArray[np.float32], middle: NDArray[np.floating]
) -> NDArray[np.float32]:
    """As `smoothest`, where each pixel has costs of a few planes only, around its own plane `middle` [H, W] (a number
    to a fraction). As in M. Rothermel et al., "SURE: Photogrammetric surface reconstruction from imagery", LC3D 2012.
    """
    volume = np.ascontiguousarray(cost.transpose(1, 2, 0))
    total, first = np.zeros_like(volume), np.rint(middle).astype(np.int32)
    for down, right in DIRECTIONS:
        starts = _starts(grey.shape, down, right)
        _gather_in_band(len(starts), total, volume, first, grey, starts, down, right)
    return _lowest(total)


def smoothest(cost: NDArray[np.float32], grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """The plane of each pixel, to a fraction. `cost` is [D, H, W], `grey` [H, W]; returns [H, W]."""
    volume = np.ascontiguousarray(cost.transpose(1, 2, 0))
    total = np.zeros_like(volume)
    for down, right in DIRECTIONS:
        starts = _starts(grey.shape, down, right)
        _gather(len(starts), total, volume, grey, starts, down, right)
    return _lowest(total)


def _starts(shape: tuple[int, int], down: int, right: int) -> NDArray[np.int64]:
    """Row and column of the pixels without a predecessor in one direction. [N, 2]"""
    row, column = np.indices(shape)
    before_row, before_column = row - down, column - right
    first = (before_row < 0) | (before_row >= shape[0]) | (before_column < 0) | (before_column >= shape[1])
    return np.argwhere(first)


@threaded()
def _gather(begin, end, total, cost, grey, starts, down, right):  # pragma: no cover - compiled
    """Add to `total` [H, W, D] the costs of the best paths that reach each pixel along one direction."""
    for s in range(begin, end):
        _walk(total, cost, grey, starts[s, 0], starts[s, 1], down, right)


@njit
def _walk(total, cost, grey, row, column, down, right):  # pragma: no cover - compiled
    height, width, depth = cost.shape
    before, now = np.zeros(depth, np.float32), np.empty(depth, np.float32)
    least, shade = np.float32(0), grey[row, column]
    while 0 <= row < height and 0 <= column < width:
        step = abs(grey[row, column] - shade)
        jump = np.float32(max(LARGE_STEP * EDGE / (EDGE + step), 1.5 * SMALL_STEP))
        smallest = np.float32(1e30)
        for k in range(depth):
            best = min(before[k], least + jump)
            if k > 0:
                best = min(best, before[k - 1] + np.float32(SMALL_STEP))
            if k < depth - 1:
                best = min(best, before[k + 1] + np.float32(SMALL_STEP))
            now[k] = cost[row, column, k] + best - least
            total[row, column, k] += now[k]
            smallest = min(smallest, now[k])
        before, now = now, before
        least, shade = smallest, grey[row, column]
        row, column = row + down, column + right


@threaded()
def _gather_in_band(begin, end, total, cost, first, grey, starts, down, right):  # pragma: no cover - compiled
    """As `_gather`, where pixels' planes begin at `first` [H, W]."""
    for s in range(begin, end):
        _walk_in_band(total, cost, first, grey, starts[s, 0], starts[s, 1], down, right)


@njit
def _walk_in_band(total, cost, first, grey, row, column, down, right):  # pragma: no cover - compiled
    height, width, depth = cost.shape
    before, now = np.zeros(depth, np.float32), np.empty(depth, np.float32)
    least, shade, start = np.float32(0), grey[row, column], first[row, column]
    while 0 <= row < height and 0 <= column < width:
        step = abs(grey[row, column] - shade)
        jump = np.float32(max(LARGE_STEP * EDGE / (EDGE + step), 1.5 * SMALL_STEP))
        smallest, shift = np.float32(1e30), first[row, column] - start
        for k in range(depth):
            best = least + jump
            for other in range(max(k + shift - 1, 0), min(k + shift + 2, depth)):
                toll = np.float32(0) if other == k + shift else np.float32(SMALL_STEP)
                best = min(best, before[other] + toll)
            now[k] = cost[row, column, k] + best - least
            total[row, column, k] += now[k]
            smallest = min(smallest, now[k])
        before, now = now, before
        least, shade, start = smallest, grey[row, column], first[row, column]
        row, column = row + down, column + right


@njit
def _bottom(values, k):  # pragma: no cover - compiled
    """Where the parabola through a minimum and its neighbours is lowest."""
    if k == 0 or k == len(values) - 1:
        return float(k)
    bend = values[k - 1] - 2 * values[k] + values[k + 1]
    return k + 0.5 * (values[k - 1] - values[k + 1]) / bend if bend > 1e-9 else float(k)


def _lowest(total: NDArray[np.float32]) -> NDArray[np.float32]:
    result = np.empty(total.shape[:2], np.float32)
    _lowest_rows(len(total), result, total)
    return result


@threaded()
def _lowest_rows(begin, end, result, total):  # pragma: no cover - compiled
    for row in range(begin, end):
        for column in range(total.shape[1]):
            result[row, column] = _bottom(total[row, column], np.argmin(total[row, column]))
