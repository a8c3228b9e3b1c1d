"""OpenDroneMap's `gcp_list.txt`: ground control points, and where photos show them (https://docs.opendronemap.org/gcp/).

The first line names the coordinates, as in `geo.txt`. Each other line is a point's x, y and height in them, the pixel
in a photo that shows it, the photo's name, and the point's name where it has one; points without a name are
distinguished by their coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .companions import any_case
from .geo_file import Gps, degrees_of, photos_by_name, projection_of
from .text_files import read_text

FILE: Final = "gcp_list.txt"
MAX_BYTES: Final = 16 * 2**20


@dataclass(frozen=True)
class ControlPoint:
    """A point that somebody has measured."""

    name: str
    place: Gps
    sightings: tuple[tuple[str, float, float], ...]
    """Photos that show it, by their names in the source, with the pixel from the upper left corner."""


@dataclass(frozen=True)
class ControlPoints:
    """The points of a file; `problem` says why it is not used."""

    points: tuple[ControlPoint, ...] = ()
    problem: str = field(default="")


def read_control_points(path: Path, photos: Iterable[str]) -> ControlPoints:
    """Those that photos of the source show; nothing where there is no file. `photos` are names in the source."""
    if not path.is_file():
        return ControlPoints()
    try:
        lines = [line.strip() for line in read_text(path, "replace").splitlines()]
    except UnicodeDecodeError:
        return ControlPoints(problem=f"{FILE} is not text")
    lines = [line for line in lines if line and not line.startswith("#")]
    try:
        zone = projection_of(lines[0] if lines else "")
    except ValueError:
        return ControlPoints(problem=f"{FILE}: its first line names no coordinates that are read")
    index = photos_by_name(photos)
    places: dict[str, Gps] = {}
    sightings: dict[str, list[tuple[str, float, float]]] = {}
    for line in lines[1:]:
        parts = line.split("\t") if "\t" in line else line.split()
        photo = index.get(any_case(parts[5].strip())) if len(parts) > 5 else None
        try:
            x, y, height, column, row = (float(part) for part in parts[:5])
        except ValueError:
            continue
        latitude, longitude = degrees_of(x, y, zone)
        if photo is None or not all(map(math.isfinite, (latitude, longitude, height, column, row))):
            continue
        name = parts[6].strip() if len(parts) > 6 else f"{parts[0]} {parts[1]}"
        places.setdefault(name, (latitude, longitude, height))
        sightings.setdefault(name, []).append((photo, column, row))
    points = tuple(ControlPoint(name, places[name], tuple(seen)) for name, seen in sightings.items())
    return ControlPoints(points, "" if points else f"{FILE} has no line for a photo of the source")
