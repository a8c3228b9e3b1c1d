"""Where GPS says that photos were taken, for the mapper to hold on to while a model grows.

Photos along one line share few points with any but their neighbours: each new one inherits the errors of those before,
and the model's scale drifts. Known positions stop that, as weak as each of them is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ..geometry.gps import MIN_PHOTOS, MIN_SPREAD_METRES
from ..geometry.gps_accuracy import EXACT_METRES, TYPICAL_METRES, deviations_of
from ..geometry.local_positions import Local

DEVIATION_METRES: Final = TYPICAL_METRES
"""Along each axis, of receivers that don't tell theirs. A few positions that are far off are left to the robust
loss."""
GROWING_METRES: Final = 0.5
"""Least deviation while a model grows: one that has drifted by more than its positions' accuracy is to be drawn back,
not to take them for wrong."""
UNKNOWN_METRES: Final = 1e4
"""The same of an altitude that is not known."""
MIN_KNOWN_SHARE: Final = 0.5
"""Of the photos, whose positions must be known before the mapper is given any."""

MIN_EXACT_SHARE: Final = 0.25
"""Of the photos, whose positions must be exact before a finished model is bent to them."""

GpsPosition = Local


@dataclass(frozen=True)
class Prior:
    """A position, east, north, up in metres, and its standard deviations; up may be unknown (NaN)."""

    position: NDArray[np.float64]
    deviation: NDArray[np.float64]


def determine_scale(gps_positions: Sequence[GpsPosition], deviations: NDArray[np.float64] | None = None) -> bool:
    """Whether enough positions are known, and far enough apart to say more than their own error, whose `deviations`
    [N, 3] are in metres."""
    known = [position for position in gps_positions if position is not None]
    if len(known) < max(MIN_PHOTOS, MIN_KNOWN_SHARE * len(gps_positions)):
        return False
    # Twice the median distance from the middle: one wild position does not make a spread.
    places = np.array(known)[:, :2]
    reach = 2 * float(np.median(np.linalg.norm(places - np.median(places, axis=0), axis=1)))
    typical = DEVIATION_METRES if deviations is None else float(np.median(deviations[:, :2].max(axis=1)))
    return reach > max(MIN_SPREAD_METRES, 3 * typical)


def are_exact(gps_positions: Sequence[GpsPosition], deviations: NDArray[np.float64]) -> bool:
    """Whether enough positions, of those whose deviations [N, 3] say so, are better than the photos' own scale."""
    across = deviations[:, :2].max(axis=1)
    known = np.array([position is not None for position in gps_positions], bool)
    return int((known & (across <= EXACT_METRES)).sum()) >= max(MIN_PHOTOS, MIN_EXACT_SHARE * len(gps_positions))


def distinct_positions(
    names: Sequence[str], gps_positions: Sequence[GpsPosition], deviations: NDArray[np.float64] | None = None
) -> dict[str, Prior]:
    """Positions by the photos' names. Of several photos at exactly the same position only the first counts: a receiver
    that had no news repeats itself."""
    seen: set[tuple[float, ...]] = set()
    fresh = {}
    known = deviations_of([None] * len(names)) if deviations is None else deviations
    for name, position, deviation in zip(names, gps_positions, known, strict=True):
        if position is None or (key := tuple(np.round(np.nan_to_num(position), 2).tolist())) in seen:
            continue
        seen.add(key)
        fresh[name] = Prior(position, deviation)
    return fresh


def loosened(gps_positions: Mapping[str, Prior], least: float) -> dict[str, Prior]:
    """The same, none of them with a deviation of less than `least` metres."""
    return {name: replace(each, deviation=np.maximum(each.deviation, least)) for name, each in gps_positions.items()}


def position_prior(image: pycolmap.Image, known_as: Prior) -> pycolmap.PosePrior:
    """The position in the form that COLMAP takes."""
    prior = pycolmap.PosePrior()
    prior.corr_data_id = image.data_id
    known = np.isfinite(known_as.position)
    prior.position = np.where(known, known_as.position, 0.0)
    prior.position_covariance = np.diag(np.where(known, known_as.deviation, UNKNOWN_METRES) ** 2)
    prior.coordinate_system = pycolmap.PosePriorCoordinateSystem.CARTESIAN
    return prior


def write_priors(database: Path, gps_positions: Mapping[str, Prior]) -> None:
    """Put the positions of photos into COLMAP's database, instead of those that it may have read from EXIF itself."""
    with pycolmap.Database.open(database) as db:
        db.clear_pose_priors()
        for image in db.read_all_images():
            if image.name in gps_positions:
                db.write_pose_prior(position_prior(image, gps_positions[image.name]))
