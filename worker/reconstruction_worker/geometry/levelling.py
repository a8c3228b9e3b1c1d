"""By how much photos differ in exposure and white balance, from the surface that they share.

One factor a photo and colour, found by least squares over pairs of photos that show the same texels, in logarithms, as
in M. Brown and D. Lowe, "Automatic panoramic image stitching using invariant features", 2007, section 6.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

DARKEST, BRIGHTEST = 8, 247
"""Values beyond which a photo says nothing about its exposure: clipped, or noise."""
PRIOR: Final = 0.02
"""Weight of a factor of one beside the differences, as a share of a photo's own weight: what no overlap tells stays."""
MOST: Final = 0.7
"""Largest logarithm of a factor."""
SPREAD: Final = 0.15
"""Difference of logarithms, after levelling, at which a texel counts half: reflections, and wrong surface."""
ROUNDS: Final = 4


def gains_from(
    coarse: NDArray[np.uint8], chosen: NDArray[np.int16], weight: NDArray[np.float32], views: int
) -> NDArray[np.float32]:
    """The factors [views, 3] that make photos agree. Of texels [T] their `coarse` colours [T, K, 3] in the views
    `chosen` [T, K] (-1: none) with `weight` [T, K]."""
    gains = np.zeros((views, 3))
    for channel in range(3):
        value = coarse[..., channel].astype(np.float64)
        usable = (chosen >= 0) & (value > DARKEST) & (value < BRIGHTEST)
        light = np.log(np.maximum(value, 1.0))
        pairs = []
        for k, m in combinations(range(chosen.shape[1]), 2):
            both = usable[:, k] & usable[:, m]
            shared = np.sqrt(np.sqrt(weight[both, k].astype(np.float64) * weight[both, m]))
            pairs.append((chosen[both, k], chosen[both, m], light[both, k] - light[both, m], shared))
        first, second, apart, shared = (np.concatenate(each) for each in zip(*pairs, strict=True))
        for _ in range(ROUNDS):
            gains[:, channel] = _solved(first, second, apart, shared, gains[:, channel], views)
    return np.exp(gains.clip(-MOST, MOST)).astype(np.float32)


def _solved(
    first: NDArray[np.int16],
    second: NDArray[np.int16],
    apart: NDArray[np.float64],
    shared: NDArray[np.float64],
    gains: NDArray[np.float64],
    views: int,
) -> NDArray[np.float64]:
    """Logarithms of the factors, with texels that disagree after the last ones counting less. [views]"""
    left = apart + gains[first] - gains[second]
    weight = shared / (1 + (left / SPREAD) ** 2)
    matrix = np.zeros((views, views))
    np.add.at(matrix, (first, second), -weight)
    matrix += matrix.T
    diagonal = -matrix.sum(axis=1)
    right = np.bincount(second, weight * apart, views) - np.bincount(first, weight * apart, views)
    matrix[np.diag_indices(views)] = diagonal * (1 + PRIOR) + 1e-12
    return np.linalg.solve(matrix, right).astype(np.float64)
