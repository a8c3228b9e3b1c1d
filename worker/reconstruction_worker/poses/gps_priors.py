"""Where GPS says that photos were taken, for the mapper to hold on to while a model grows.

Photos along one line share few points with any but their neighbours: each new one inherits the errors of those before,
and the model's scale drifts. Known positions stop that, as weak as each of them is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ..geometry.gps import MIN_PHOTOS, MIN_SPREAD_METRES
from ..geometry.local_positions import Local

DEVIATION_METRES: Final = 3.0
"""Of a phone's or camera's GPS under open sky, along each axis. A few positions that are far off are left to the robust
loss."""
UNKNOWN_METRES: Final = 1e4
"""The same of an altitude that is not known."""
MIN_KNOWN_SHARE: Final = 0.5
"""Of the photos, whose positions must be known before the mapper is given any."""

GpsPosition = Local


def determine_scale(gps_positions: Sequence[GpsPosition]) -> bool:
    """Whether enough positions are known, and far enough apart to say more than their own error."""
    known = [position for position in gps_positions if position is not None]
    if len(known) < max(MIN_PHOTOS, MIN_KNOWN_SHARE * len(gps_positions)):
        return False
    # Twice the median distance from the middle: one wild position does not make a spread.
    places = np.array(known)[:, :2]
    reach = 2 * float(np.median(np.linalg.norm(places - np.median(places, axis=0), axis=1)))
    return reach > max(MIN_SPREAD_METRES, 3 * DEVIATION_METRES)


def distinct_positions(names: Sequence[str], gps_positions: Sequence[GpsPosition]) -> dict[str, NDArray[np.float64]]:
    """Positions by the photos' names. Of several photos at exactly the same position only the first counts: a receiver
    that had no news repeats itself."""
    seen: set[tuple[float, ...]] = set()
    fresh = {}
    for name, position in zip(names, gps_positions, strict=True):
        if position is None or (key := tuple(np.round(np.nan_to_num(position), 2).tolist())) in seen:
            continue
        seen.add(key)
        fresh[name] = position
    return fresh


def position_prior(image: pycolmap.Image, position: NDArray[np.float64]) -> pycolmap.PosePrior:
    """The position in the form that COLMAP takes."""
    prior = pycolmap.PosePrior()
    prior.corr_data_id = image.data_id
    known = np.isfinite(position)
    prior.position = np.where(known, position, 0.0)
    prior.position_covariance = np.diag(np.where(known, DEVIATION_METRES, UNKNOWN_METRES) ** 2)
    prior.coordinate_system = pycolmap.PosePriorCoordinateSystem.CARTESIAN
    return prior


def write_priors(database: Path, gps_positions: Mapping[str, NDArray[np.float64]]) -> None:
    """Put the positions of photos into COLMAP's database, instead of those that it may have read from EXIF itself."""
    with pycolmap.Database.open(database) as db:
        db.clear_pose_priors()
        for image in db.read_all_images():
            if image.name in gps_positions:
                db.write_pose_prior(position_prior(image, gps_positions[image.name]))
