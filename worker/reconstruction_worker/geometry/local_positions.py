"""Where photos were taken, in metres, from what GPS receivers wrote.

A place or an altitude that is not known is absent, never zero: receivers write 0 before they have a fix, and some
cameras leave the altitude out.
"""

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

Gps = tuple[float, float, float | None]
"""Latitude and longitude in degrees (WGS 84), altitude in metres where it is known."""
Local = NDArray[np.float64] | None
"""East, north, up in metres, where the place is known; up is NaN where the altitude is not."""

_SEA_LEVEL_METRES: Final = 30.0
"""Typical altitude of the others up to which an altitude of exactly 0 is believed."""


@dataclass(frozen=True)
class Origin:
    """What local positions are measured from."""

    latitude: float
    longitude: float
    altitude: float
    """Metres; 0 where no altitude is known."""


def origin_of(gps: Sequence[Gps | None]) -> Origin | None:
    """The middle of the places: one that is far off does not move it. None where no place is known."""
    known = [position for position in gps if position is not None]
    if not known:
        return None
    altitudes = [altitude for altitude in _altitudes(gps) if altitude is not None]
    latitude, longitude = np.median([position[:2] for position in known], axis=0)
    return Origin(float(latitude), float(longitude), float(np.median(altitudes)) if altitudes else 0.0)


def local_positions(gps: Sequence[Gps | None]) -> list[Local]:
    """Positions around `origin_of(gps)`, in the order of `gps`."""
    origin = origin_of(gps)
    if origin is None:
        return [None] * len(gps)
    altitudes = [altitude for position, altitude in zip(gps, _altitudes(gps), strict=True) if position is not None]
    unknown = np.array([altitude is None for altitude in altitudes])
    places = np.array(
        [
            (position[0], position[1], origin.altitude if altitude is None else altitude)
            for position, altitude in zip((each for each in gps if each is not None), altitudes, strict=True)
        ]
    )
    found = pycolmap.GPSTransform().ellipsoid_to_enu(places, origin.latitude, origin.longitude, origin.altitude)
    known = np.array(found)
    known[unknown, 2] = np.nan
    local = iter(known)
    return [None if position is None else next(local) for position in gps]


def distances(offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths [N] of offsets [N, 3] in metres, by the components that are known."""
    return np.sqrt(np.nansum(offsets**2, axis=1))


def _altitudes(gps: Sequence[Gps | None]) -> list[float | None]:
    """None also for an altitude of exactly 0 among photos that are taken elsewhere."""
    others = [position[2] for position in gps if position is not None and position[2]]
    zero_is_none = not others or abs(float(np.median(np.array(others, float)))) > _SEA_LEVEL_METRES
    return [
        None if position is None or position[2] is None or (position[2] == 0 and zero_is_none) else position[2]
        for position in gps
    ]
