"""Whether a model is where GPS says that its photos were taken.

A photo in a wrong place can have a small reprojection error: it was made to fit the points it shows. What was placed
from it then has another scale than what was placed before, and only positions from elsewhere can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.documents.registration import GpsAgreement

from ..geometry.gps import MIN_PHOTOS, fit_to_all
from ..geometry.gps_accuracy import importance, weighted_median
from ..geometry.local_positions import distances
from .gps_priors import DEVIATION_METRES, GpsPosition, determine_scale

MEDIAN_DISTANCE: Final = 1.54
"""Median length of an error whose three components have standard deviation 1."""
TOLERANCE: Final = 2.0
"""Multiple of what consumer GPS is typically off that is still put down to GPS, not to the model."""
TOLERATED_SHARE: Final = 0.05
"""Of the extent: long routes may bend a little."""


@dataclass(frozen=True)
class Agreement:
    """`residual_metres` is the median distance of a photo from its GPS, after the best similarity."""

    residual_metres: float
    contradicts: bool
    """Farther off than GPS itself can explain."""

    def document(self) -> GpsAgreement:
        """For registration.json."""
        return GpsAgreement(residual_metres=round(self.residual_metres, 2), contradicts=self.contradicts)


def agreement(
    positions: NDArray[np.float64],
    gps_positions: Sequence[GpsPosition],
    deviations: NDArray[np.float64] | None = None,
) -> Agreement | None:
    """Compare camera `positions` [N, 3] of a model with their GPS positions, whose `deviations` [N, 3] are in metres;
    None when those are too few, or too close to each other, to tell."""
    if not determine_scale(gps_positions, deviations):
        return None
    known = [index for index, position in enumerate(gps_positions) if position is not None]
    target = np.array([position for position in gps_positions if position is not None])
    if np.isfinite(target[:, 2]).sum() < MIN_PHOTOS:
        return None
    scales = importance(deviations[known]) if deviations is not None else None
    fit = fit_to_all(positions[known], target, scales)
    residual = weighted_median(fit.residuals, fit.scales[:, 0])
    typical = DEVIATION_METRES
    if deviations is not None:
        typical = weighted_median(deviations[known].mean(axis=1), fit.scales[:, 0])
    extent = float(np.median(distances(target - np.nanmedian(target, axis=0))))
    limit = max(TOLERANCE * MEDIAN_DISTANCE * typical, TOLERATED_SHARE * extent)
    return Agreement(residual, residual > limit)
