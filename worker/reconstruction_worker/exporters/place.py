"""Where on Earth a model is: its coordinates on the map of its UTM zone, and how GeoTIFF and LAS say so.

WGS 84 / UTM: easting and northing in metres, and the height as the receivers of the cameras had it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ..geometry.world_scale import with_scale
from ..poses.georeference import FILE, Georeference

_NORTH, _SOUTH = 32600, 32700
"""EPSG codes of zone 0 of either hemisphere."""
_PROJECTED: Final = 1
_METRE: Final = 9001
MODEL_TYPE, RASTER_TYPE, CITATION, PROJECTED_CRS, LINEAR_UNITS = 1024, 1025, 1026, 3072, 3076
"""Keys of GeoTIFF (OGC 19-008r4)."""
PIXEL_IS_AREA: Final = 1


@dataclass(frozen=True)
class Place:
    """Leads from a model's coordinates to the map, and to the centre of the Earth."""

    metres_from_model: NDArray[np.float64]  # [4, 4] to east, north, up around the origin
    latitude: float
    longitude: float
    altitude: float

    @property
    def epsg(self) -> int:
        """Code of the coordinate reference system: of the zone that the origin is in."""
        zone = pycolmap.GPSTransform().ellipsoid_to_utm(np.array([[self.latitude, self.longitude, 0.0]]))[1]
        return (_NORTH if self.latitude >= 0 else _SOUTH) + int(zone)

    def on_map(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Easting, northing and height of points of the model. [N, 3]"""
        transform = pycolmap.GPSTransform()
        # The zone is that of the first place.
        around = np.concatenate([np.zeros((1, 3)), self._local(points)])
        places = transform.enu_to_ellipsoid(around, self.latitude, self.longitude, self.altitude)
        return np.asarray(transform.ellipsoid_to_utm(places)[0])[1:]

    def earth_from_model(self) -> NDArray[np.float64]:
        """Matrix [4, 4] from the model to earth-centred, earth-fixed metres (WGS 84, EPSG 4978)."""
        axes = np.concatenate([np.zeros((1, 3)), np.eye(3)])
        found = np.asarray(pycolmap.GPSTransform().enu_to_ecef(axes, self.latitude, self.longitude, self.altitude))
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = (found[1:] - found[0]).T, found[0]
        return local @ self.metres_from_model

    def geo_keys(self) -> tuple[NDArray[np.uint16], bytes]:
        """The directory of GeoTIFF's keys, and the text that one of them refers to."""
        zone, south = self.epsg % 100, self.epsg >= _SOUTH
        text = f"WGS 84 / UTM zone {zone}{'S' if south else 'N'}|".encode()
        keys = [
            (MODEL_TYPE, 0, 1, _PROJECTED),
            (RASTER_TYPE, 0, 1, PIXEL_IS_AREA),
            (CITATION, 34737, len(text), 0),
            (PROJECTED_CRS, 0, 1, self.epsg),
            (LINEAR_UNITS, 0, 1, _METRE),
        ]
        return np.array([(1, 1, 0, len(keys)), *keys], np.uint16).ravel(), text

    def _local(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        matrix = self.metres_from_model
        return np.asarray(points, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def read_place(poses: Path, metres_per_unit: float | None, known: float | None = None) -> Place | None:
    """Of the model in metres that the stage `poses` has a georeference for; None where it has none. A `known` scale,
    in metres for a unit of the world, is more exact than that of the georeference."""
    found = Georeference.read_if_there(poses / FILE)
    if found is None or metres_per_unit is None:
        return None
    matrix = with_scale(np.asarray(found.metres_from_world, np.float64), known)
    matrix = matrix @ np.diag([1 / metres_per_unit] * 3 + [1.0])
    return Place(matrix, found.origin.latitude, found.origin.longitude, found.origin.altitude)


def ascii_keys(keys: NDArray[np.uint16]) -> bytes:
    """The directory as bytes, for files other than TIFF."""
    return struct.pack(f"<{len(keys)}H", *keys.tolist())
