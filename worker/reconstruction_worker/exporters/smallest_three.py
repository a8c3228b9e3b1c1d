"""Unit quaternions as three numbers: the largest of the four is left out, for the others tell it. A quaternion and its
negative are the same rotation, so the one is stored whose largest number is positive; no other exceeds sqrt(1/2)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

LIMIT: Final = 0.5**0.5
"""Of the numbers that are kept."""
_KEPT: Final = np.array([[other for other in range(4) if other != largest] for largest in range(4)])


def rounding(step: float) -> float:
    """How far a number may be off where the three are whole steps. The one left out is the root of what the others
    leave of 1; it is at least as large as each of them, so it is off by at most as much as all three together."""
    return 3 * 0.51 * step


def kept(quaternions: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index of the number left out [N], and the three others in their order [N, 3]. `quaternions` are [N, 4]."""
    unit = quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True).astype(np.float64)
    largest = np.abs(unit).argmax(axis=1)
    unit *= np.where(np.take_along_axis(unit, largest[:, None], axis=1) < 0, -1, 1)
    return largest, np.take_along_axis(unit, _KEPT[largest], axis=1)


def completed(largest: NDArray[np.integer], others: NDArray[np.floating]) -> NDArray[np.float32]:
    """The quaternions [N, 4] from what `kept` gave."""
    result = np.empty((len(others), 4))
    np.put_along_axis(result, _KEPT[largest], others, axis=1)
    rest = np.sqrt(np.maximum(0, 1 - (others**2).sum(axis=1, keepdims=True)))
    np.put_along_axis(result, largest[:, None], rest, axis=1)
    return result.astype(np.float32)
