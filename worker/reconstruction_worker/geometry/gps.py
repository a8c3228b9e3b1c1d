"""Scale and orientation from where photos were taken, by GPS."""

from __future__ import annotations

# zlib and Pillow's decoder are loaded before pycolmap, which brings copies of theirs; see the package `poses`.
import zlib  # noqa: F401
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import PIL.PngImagePlugin  # noqa: F401
import pycolmap
from numpy.typing import NDArray

from .similarity import Similarity, fit_similarity

MIN_PHOTOS: Final = 4
MIN_SPREAD_METRES: Final = 3.0
MAX_TILT_DEGREES: Final = 5.0
"""Expected error of the vertical up to which GPS decides it; beyond, how the cameras were held tells more."""
MAX_SCALE_ERROR: Final = 0.1


@dataclass(frozen=True)
class GeoAlignment:
    """`metres_from_model` leads to east, north, up in metres around the mean position of the photos. Its rotation is to
    be used only when `orients`; its scale always."""

    metres_from_model: Similarity
    orients: bool
    residual_metres: float
    """Root mean square over the photos that fit."""
    photos: int
    """How many fit."""


def local_positions(gps: Sequence[tuple[float, float, float] | None]) -> list[NDArray[np.float64] | None]:
    """East, north, up in metres around the first known position; `gps` are latitude, longitude (degrees, WGS 84) and
    altitude (metres)."""
    known = [np.array(position) for position in gps if position is not None]
    if not known:
        return [None] * len(gps)
    latitude, longitude, altitude = known[0]
    local = iter(pycolmap.GPSTransform().ellipsoid_to_enu(np.array(known), latitude, longitude, altitude))
    return [None if position is None else next(local) for position in gps]


def align_to_gps(positions: NDArray[np.float64], local: Sequence[NDArray[np.float64] | None]) -> GeoAlignment | None:
    """Fit camera `positions` [N, 3] of a model to their GPS positions in metres; None when those are too few, too
    close to each other, or do not agree with the model."""
    known = [index for index, position in enumerate(local) if position is not None]
    if len(known) < MIN_PHOTOS:
        return None
    source = positions[known]
    target = np.array([position for position in local if position is not None])
    similarity, residuals, kept = fit_without_outliers(source, target)
    if len(kept) < max(MIN_PHOTOS, 0.6 * len(known)):
        return None
    residual = float(np.sqrt((residuals[kept] ** 2).mean()))
    spread = np.linalg.svd(target[kept] - target[kept].mean(axis=0), compute_uv=False) / np.sqrt(len(kept))
    # Standard errors of a fit to n points: noise / (spread * sqrt(n)), along the longest axis for the scale, and about
    # that axis, with the second longest as lever, for the tilt.
    noise = max(residual, 0.01) / np.sqrt(len(kept))
    if spread[0] < MIN_SPREAD_METRES or noise / spread[0] > MAX_SCALE_ERROR:
        return None
    tilt = np.degrees(np.arctan(noise / max(float(spread[1]), 1e-9)))
    orients = bool(spread[1] > MIN_SPREAD_METRES / 2 and tilt < MAX_TILT_DEGREES)
    return GeoAlignment(similarity, orients, residual, len(kept))


def fit_without_outliers(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[Similarity, NDArray[np.float64], NDArray[np.int64]]:
    """Least squares, repeated without positions whose residual is far above the median; all residuals [N] in metres and
    the indices that were kept."""
    kept = np.arange(len(source))
    for _ in range(5):
        similarity = fit_similarity(source[kept], target[kept])
        residuals = np.linalg.norm(similarity.points(source) - target, axis=1)
        within = np.flatnonzero(residuals <= 3.5 * max(float(np.median(residuals)), 0.05))
        if len(within) < MIN_PHOTOS or np.array_equal(within, kept):
            break
        kept = within
    return similarity, residuals, kept
