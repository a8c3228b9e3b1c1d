"""Depths between and beyond those that are known: the smoothest surface through them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, identity
from scipy.sparse.linalg import spsolve

SIDE = 128
"""Pixels of the longer side in which the surface is found: it has no detail."""
BENDING = 0.5
"""Cost of a slope beside that of a bend: what is bent least alone shoots off where nothing is known."""
LEAST, MOST = 0.5, 1.5
"""What is filled in, as multiples of the known values' 2nd and 98th percentiles."""


def completed(values: NDArray[np.float64], known: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`values` [H, W] where they are `known`; where they are `wanted` besides, the thin plate through the known ones
    with some tension (Terzopoulos 1988). Of inverse z-depths it continues planes. At least one must be known."""
    height, width = values.shape
    step = max(1, -(-max(height, width) // SIDE))
    shape = -(-height // step), -(-width // step)
    weight = _sums(known.astype(np.float64), step, shape)
    means = _sums(np.where(known, values, 0), step, shape) / np.maximum(weight, 1)
    inside = (weight > 0) | (_sums(wanted.astype(np.float64), step, shape) > 0)
    low, high = np.percentile(values[known], [2, 98])
    plate = _plate(means, weight > 0, inside).clip(LEAST * low, MOST * high)
    smooth = cv2.resize(plate, (shape[1] * step, shape[0] * step), interpolation=cv2.INTER_LINEAR)[:height, :width]
    return np.where(known, values, smooth)


def _sums(values: NDArray[np.float64], step: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    padded = np.zeros((shape[0] * step, shape[1] * step))
    padded[: values.shape[0], : values.shape[1]] = values
    return padded.reshape(shape[0], step, shape[1], step).sum(axis=(1, 3))


def _plate(values: NDArray[np.float64], known: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The surface on the grid's cells that are `inside`; elsewhere that of the nearest cell inside."""
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(inside.sum())
    slopes = _differences(number)
    laplace = slopes.T @ slopes
    energy = laplace @ laplace + BENDING * laplace + 1e-9 * identity(laplace.shape[0])
    hold = diags_array(np.where(known[inside], 1e3, 0.0))
    found = np.asarray(spsolve((energy + hold).tocsc(), hold @ values[inside]))
    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.asarray(labels, np.int64)
    of_label = np.zeros(int(nearest.max()) + 1)
    of_label[nearest[inside]] = found
    return of_label[nearest]


def _differences(number: NDArray[np.int64]) -> csr_array:
    """Rows that subtract neighbouring cells inside; `number` [H, W] counts these, -1 elsewhere."""
    pairs = np.concatenate(
        [
            np.stack([a.ravel(), b.ravel()], axis=1)
            for a, b in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:]))
        ]
    )
    pairs = pairs[(pairs >= 0).all(axis=1)]
    rows = np.repeat(np.arange(len(pairs)), 2)
    signs = np.tile([1.0, -1.0], len(pairs))
    return csr_array((signs, (rows, pairs.ravel())), shape=(len(pairs), int(number.max()) + 1))
