"""The compiled loops of the hash encoding. It takes a second to import numba, so this module is imported on first use.

All are functions of a module: numba finds the machine code of an earlier process only for functions without a closure.
Arrays are contiguous float32: `points` [N, 3] in [0, 1], `table` [L * T, 2], `scales` [L] (cells a side), `features`
[N, L * 2].
"""

import numba
import numpy as np

from ...compiled import threaded

CHUNK = 512
"""Points that a thread encodes level by level, so that the level's table stays in its cache."""


@numba.njit(fastmath=True)
def corners(x, y, z, scale, mask):  # pragma: no cover - compiled
    """Table rows and trilinear weights of the corners of the cell that holds a point."""
    x, y, z = x * scale, y * scale, z * scale
    x_low, y_low, z_low = np.floor(x), np.floor(y), np.floor(z)
    one, unit = np.float32(1), np.uint32(1)
    x1, y1, z1 = x - x_low, y - y_low, z - z_low
    x0, y0, z0 = one - x1, one - y1, one - z1
    i0 = np.uint32(np.int32(x_low))
    j = np.uint32(np.int32(y_low))
    k = np.uint32(np.int32(z_low))
    i1 = i0 + unit
    j0, j1 = j * np.uint32(2654435761), (j + unit) * np.uint32(2654435761)
    k0, k1 = k * np.uint32(805459861), (k + unit) * np.uint32(805459861)
    jk = (j0 ^ k0, j1 ^ k0, j0 ^ k1, j1 ^ k1)
    yz = (y0 * z0, y1 * z0, y0 * z1, y1 * z1)
    rows = (
        np.int64((i0 ^ jk[0]) & mask), np.int64((i1 ^ jk[0]) & mask),
        np.int64((i0 ^ jk[1]) & mask), np.int64((i1 ^ jk[1]) & mask),
        np.int64((i0 ^ jk[2]) & mask), np.int64((i1 ^ jk[2]) & mask),
        np.int64((i0 ^ jk[3]) & mask), np.int64((i1 ^ jk[3]) & mask),
    )  # fmt: skip
    weights = (x0 * yz[0], x1 * yz[0], x0 * yz[1], x1 * yz[1], x0 * yz[2], x1 * yz[2], x0 * yz[3], x1 * yz[3])
    return rows, weights


@threaded(fastmath=True)
def encode(begin, end, points, table, scales, features):  # pragma: no cover - compiled
    """Fill `features` of the points from `begin` to `end`."""
    levels = scales.shape[0]
    size = table.shape[0] // levels
    mask = np.uint32(size - 1)
    for chunk in range(begin, end, CHUNK):
        for level in range(levels):
            level_table = table[level * size : (level + 1) * size]
            for n in range(chunk, min(end, chunk + CHUNK)):
                rows, weights = corners(points[n, 0], points[n, 1], points[n, 2], scales[level], mask)
                first, second = np.float32(0), np.float32(0)
                for c in range(8):
                    first += weights[c] * level_table[rows[c], 0]
                    second += weights[c] * level_table[rows[c], 1]
                features[n, 2 * level] = first
                features[n, 2 * level + 1] = second


@threaded(fastmath=True)
def scatter(begin, end, points, scales, d_features, d_table):  # pragma: no cover - compiled
    """Add the gradient of `features` into that of `table`, for the levels from `begin` to `end`."""
    size = d_table.shape[0] // scales.shape[0]
    mask = np.uint32(size - 1)
    # By levels: no two threads add to the same row, and sums are always taken in the same order.
    for level in range(begin, end):
        level_table = d_table[level * size : (level + 1) * size]
        for n in range(points.shape[0]):
            first, second = d_features[n, 2 * level], d_features[n, 2 * level + 1]
            if first == 0 and second == 0:
                continue
            rows, weights = corners(points[n, 0], points[n, 1], points[n, 2], scales[level], mask)
            for c in range(8):
                level_table[rows[c], 0] += weights[c] * first
                level_table[rows[c], 1] += weights[c] * second
