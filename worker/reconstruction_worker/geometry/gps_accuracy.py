"""How much the position of each photo counts: receivers with corrections (RTK) are right to centimetres, others to
metres, and both may be in one set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

TYPICAL_METRES: Final = 3.0
"""Standard deviation of a phone's or camera's GPS under open sky, along each axis: of receivers that say nothing."""
LEAST_METRES, MOST_METRES = 0.01, 100.0
"""What is believed of what they say."""
EXACT_METRES: Final = 0.3
"""Deviation up to which positions tell more than the photos' own scale and drift."""

Vector = NDArray[np.float64]


def deviations_of(known: Sequence[tuple[float, float, float] | None]) -> Vector:
    """Standard deviations [N, 3] to the east, to the north and upwards, in metres."""
    typical = (TYPICAL_METRES,) * 3
    rows = [typical if each is None else each for each in known]
    return np.clip(np.array(rows, np.float64).reshape(-1, 3), LEAST_METRES, MOST_METRES)


def importance(deviations: Vector) -> Vector:
    """By how much errors [N, 2] along the ground and in height are to be multiplied so that they compare with those of
    the most exact photo: 1 for that one, less for others."""
    across = deviations[:, :2].max(axis=1)
    return np.minimum(1.0, across.min() / np.stack([across, deviations[:, 2]], axis=1))


def weighted_median(values: Vector, weights: Vector) -> float:
    """The value with half of the weight on each side; the usual median where all weights are alike. Values that are not
    known (NaN) are left out."""
    known = np.isfinite(values)
    values, weights = values[known], weights[known]
    if len(values) == 0:
        return float("nan")
    if np.ptp(weights) == 0:
        return float(np.median(values))
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5)])
