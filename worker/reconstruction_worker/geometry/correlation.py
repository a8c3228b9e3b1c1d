"""How alike the patches of two pictures are, pixel by pixel (normalised cross-correlation): the loops of `sweep`."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

OUTSIDE = np.float32(-2.0)
"""Likeness where the other picture shows nothing; below every correlation."""


@compiled
def multiply(products, values, warped):  # pragma: no cover - compiled
    """Fill `products` [H, W, 3] with what patches' means are needed of: the other picture `warped` [H, W], its square,
    and its product with `values` [H, W]."""
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            theirs = warped[row, column]
            products[row, column, 0] = theirs
            products[row, column, 1] = theirs * theirs
            products[row, column, 2] = theirs * values[row, column]


@compiled
def start(likeness, homography, facing, size):  # pragma: no cover - compiled
    """Fill `likeness` [H, W] with 0, or with `OUTSIDE` where `homography` [3, 3] leads out of a picture of `size`
    (rows, columns), or where `facing` [3] says that the plane is behind the camera."""
    for row in range(likeness.shape[0]):
        for column in range(likeness.shape[1]):
            x = homography[0, 0] * column + homography[0, 1] * row + homography[0, 2]
            y = homography[1, 0] * column + homography[1, 1] * row + homography[1, 2]
            w = homography[2, 0] * column + homography[2, 1] * row + homography[2, 2]
            ahead = facing[0] * column + facing[1] * row + facing[2] > 1e-9
            inside = x >= 0 and y >= 0 and x <= (size[1] - 1) * w and y <= (size[0] - 1) * w
            likeness[row, column] = np.float32(0) if inside and ahead and w > 1e-9 else OUTSIDE


@compiled
def add_correlation(likeness, mean, deviation, share, means):  # pragma: no cover - compiled
    """Add to `likeness` [H, W] the correlation of the patches, -1..1, times `share` [H, W], unless it is `OUTSIDE`.
    `mean` and `deviation` [H, W] are of the one picture's patches, `means` [H, W, 3] those of `multiply`'s products."""
    for row in range(likeness.shape[0]):
        for column in range(likeness.shape[1]):
            if likeness[row, column] > OUTSIDE:
                theirs = means[row, column, 0]
                spread = np.sqrt(max(means[row, column, 1] - theirs * theirs, np.float32(0)))
                common = means[row, column, 2] - mean[row, column] * theirs
                scale = max(deviation[row, column], np.float32(1)) * max(spread, np.float32(1))
                likeness[row, column] += share[row, column] * common / scale


@compiled
def better_half(cost, likeness, unknown):  # pragma: no cover - compiled
    """Fill `cost` [H, W] with `unknown` less the mean of the better half of `likeness` [N, H, W], of what is not
    `OUTSIDE` in it."""
    count, height, width = likeness.shape
    half = (count + 1) // 2
    for row in range(height):
        ranked = likeness[:, row].copy()
        for rank in range(half):
            for n in range(count - 1, rank, -1):
                for column in range(width):
                    one, other = ranked[n - 1, column], ranked[n, column]
                    ranked[n - 1, column] = one if one > other else other
                    ranked[n, column] = other if one > other else one
        for column in range(width):
            total, known = np.float32(0), np.float32(0)
            for rank in range(half):
                value = ranked[rank, column]
                total += value if value > OUTSIDE else np.float32(0)
                known += np.float32(1) if value > OUTSIDE else np.float32(0)
            cost[row, column] = unknown - total / max(known, np.float32(1))
