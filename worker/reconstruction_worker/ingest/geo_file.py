"""OpenDroneMap's `geo.txt`: where photos were taken, by their names (https://docs.opendronemap.org/geo/).

The first line names the coordinates: `EPSG:4326` (longitude, latitude in degrees), or metres east and north in a UTM
zone of WGS 84, as `EPSG:32632`, `WGS84 UTM 32N` or `+proj=utm +zone=32`. Each other line is a photo's name, x, y and,
where they are known, the altitude, three angles, which are not used, and the accuracy along the ground and in height.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from .companions import any_case
from .flight_data import VERTICAL_TIMES, Deviation
from .listing import SourceFile, access_to
from .text_files import read_text

NAME: Final = "geo.txt"
_DEGREES: Final = re.compile(r"EPSG:4326|WGS\s*84|\+proj=(longlat|latlong).*", re.IGNORECASE)
_UTM: Final = (
    re.compile(r"EPSG:32(?P<half>[67])(?P<zone>\d\d)", re.IGNORECASE),
    re.compile(r"WGS\s*84\s*/?\s*UTM\s*(?:zone)?\s*(?P<zone>\d{1,2})\s*(?P<half>[NS])", re.IGNORECASE),
    re.compile(r"\+proj=utm\s.*?\+zone=(?P<zone>\d{1,2})(?P<half>.*)", re.IGNORECASE),
)
_SOUTH: Final = re.compile(r"7|S|.*\+south.*", re.IGNORECASE)
_MOST_BYTES: Final = 16 * 2**20
_SEMI_MAJOR: Final = 6_378_137.0
_FLATTENING: Final = 1 / 298.257_223_563
_SCALE: Final = 0.9996
"""Of a UTM zone along its middle."""

Gps = tuple[float, float, float | None]


@dataclass(frozen=True)
class GeoFile:
    """Places by the photos' names in the source; `problem` says why the file is not used."""

    places: Mapping[str, Gps] = field(default_factory=dict[str, Gps])
    deviations: Mapping[str, Deviation] = field(default_factory=dict[str, Deviation])
    problem: str = ""


def read_geo_file(files: Iterable[SourceFile], photos: Iterable[str]) -> GeoFile:
    """The first such file of a source; its lines mean photos by their path or, where that is the only one, their file
    name. Raises SourceAccessDenied."""
    file = next((each for each in files if PurePosixPath(each.name).name.lower() == NAME), None)
    if file is None:
        return GeoFile()
    if file.size > _MOST_BYTES:
        return GeoFile(problem=f"{file.name} is {file.size / 1e6:.0f} MB, too large for a list of photos")
    try:
        with access_to(file.name):
            lines = read_text(file.path, "replace").splitlines()
    except UnicodeDecodeError:
        return GeoFile(problem=f"{file.name} is not text")
    lines = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    try:
        projection = projection_of(lines[0] if lines else "")
    except ValueError:
        return GeoFile(problem=f"{file.name}: its first line names no coordinates that are read")
    index = photos_by_name(photos)
    told = [each for line in lines[1:] for each in _place(line, projection) if each[0] in index]
    found = {index[name]: place for name, place, _ in told}
    exact = {index[name]: deviation for name, _, deviation in told if deviation is not None}
    return GeoFile(found, exact, "" if found else f"{file.name} has no line for a photo of the source")


@dataclass(frozen=True)
class Zone:
    """Of UTM; None for degrees."""

    number: int
    south: bool


def projection_of(line: str) -> Zone | None:
    """The coordinates that a first line names. Raises ValueError for others than these."""
    if _DEGREES.fullmatch(line):
        return None
    for pattern in _UTM:
        if (match := pattern.fullmatch(line)) and 1 <= int(match["zone"]) <= 60:
            return Zone(int(match["zone"]), _SOUTH.fullmatch(match["half"]) is not None)
    raise ValueError(line)


def _place(line: str, zone: Zone | None) -> Iterable[tuple[str, Gps, Deviation | None]]:
    """The name that a line begins with, in any case, its place and what is said of its accuracy; nothing where it is
    none."""
    name, *rest = line.split("\t") if "\t" in line else line.split()
    try:
        x, y, *more = [float(part) for part in rest[:3]]
    except ValueError:
        return
    altitude = more[0] if more and math.isfinite(more[0]) else None
    if not (math.isfinite(x) and math.isfinite(y)):
        return
    latitude, longitude = degrees_of(x, y, zone)
    if abs(latitude) <= 90 and abs(longitude) <= 180:
        yield any_case(name.strip()), (latitude, longitude, altitude), _deviation(rest[6:8])


def _deviation(accuracies: Sequence[str]) -> Deviation | None:
    """From the columns of accuracies in metres, along the ground and in height."""
    try:
        across, *more = [float(each) for each in accuracies]
    except ValueError:
        return None
    if not 0 < across < math.inf:
        return None
    return across, across, more[0] if more and 0 < more[0] < math.inf else VERTICAL_TIMES * across


def degrees_of(x: float, y: float, zone: Zone | None) -> tuple[float, float]:
    """Latitude and longitude in degrees of coordinates as the first line names them; infinite far outside of a zone."""
    return (y, x) if zone is None else _from_utm(x, y, zone)


def photos_by_name(photos: Iterable[str]) -> dict[str, str]:
    """Photos by their path and, where it is the only one, by the name of their file, in any case."""
    names = sorted(photos)
    by_file: dict[str, list[str]] = {}
    for name in names:
        by_file.setdefault(any_case(PurePosixPath(name).name), []).append(name)
    single = {file: found[0] for file, found in by_file.items() if len(found) == 1}
    return single | {any_case(name): name for name in names}


def _from_utm(east: float, north: float, zone: Zone) -> tuple[float, float]:
    """Latitude and longitude in degrees, to less than a millimetre (Karney, Transverse Mercator with an accuracy of a
    few nanometers, 2011, to the third order)."""
    n = _FLATTENING / (2 - _FLATTENING)
    radius = _SEMI_MAJOR / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    xi = (north - (10_000_000 if zone.south else 0)) / (_SCALE * radius)
    eta = (east - 500_000) / (_SCALE * radius)
    if abs(eta) > 1 or abs(xi) > math.pi:  # far outside of any zone
        return math.inf, math.inf
    beta = (
        n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96,
        n**2 / 48 + n**3 / 15,
        17 * n**3 / 480,
    )
    along = xi - sum(b * math.sin(2 * k * xi) * math.cosh(2 * k * eta) for k, b in enumerate(beta, 1))
    across = eta - sum(b * math.cos(2 * k * xi) * math.sinh(2 * k * eta) for k, b in enumerate(beta, 1))
    conformal = math.asin(math.sin(along) / math.cosh(across))
    delta = (
        2 * n - 2 * n**2 / 3 - 2 * n**3,
        7 * n**2 / 3 - 8 * n**3 / 5,
        56 * n**3 / 15,
    )
    latitude = conformal + sum(d * math.sin(2 * k * conformal) for k, d in enumerate(delta, 1))
    longitude = math.atan2(math.sinh(across), math.cos(along))
    return math.degrees(latitude), math.degrees(longitude) + 6 * zone.number - 183
