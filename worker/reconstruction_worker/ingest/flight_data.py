"""How exactly a photo was placed, and how its camera was held, from the XMP that drones write and from EXIF.

DJI's names are those of its white paper on image metadata; `GPSXYAccuracy` and `GPSZAccuracy` are Pix4D's, which other
makers write too. Damaged XMP is no reason to lose a photo.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from PIL import ExifTags

NO_FIX: Final = 0
"""`RtkFlag` of a receiver that had no position."""
VERTICAL_TIMES: Final = 2.0
"""How many times as far as along the ground receivers are typically off in height."""

Deviation = tuple[float, float, float]
"""Standard deviations of a position to the east, to the north and upwards, in metres."""


@dataclass(frozen=True)
class Gimbal:
    """How a camera was held, in degrees: yaw from north to the east, where it is known; pitch is -90 straight down."""

    yaw: float | None
    pitch: float
    roll: float


def deviation(xmp: bytes | str, gps: Mapping[int, Any]) -> Deviation | None:
    """What the receiver says of its own accuracy; None where it says nothing, or has no position."""
    text = _text(xmp)
    if _number(text, "RtkFlag") == NO_FIX:
        text = ""
    east, north, up = (_positive(_number(text, f"RtkStd{axis}")) for axis in ("Lon", "Lat", "Hgt"))
    if east and north:
        return east, north, up or VERTICAL_TIMES * max(east, north)
    across = _positive(_number(text, "GPSXYAccuracy")) or _positive(_finite(gps.get(ExifTags.GPS.GPSHPositioningError)))
    if across is None:
        return None
    return across, across, _positive(_number(text, "GPSZAccuracy")) or VERTICAL_TIMES * across


def gimbal(xmp: bytes | str) -> Gimbal | None:
    """Pitch and roll of the camera against the ground; None where they are not there."""
    text = _text(xmp)
    yaw, pitch, roll = (_number(text, f"Gimbal{angle}Degree") for angle in ("Yaw", "Pitch", "Roll"))
    if pitch is None or roll is None or abs(pitch) > 180 or abs(roll) > 360:
        return None
    return Gimbal(yaw, pitch, roll)


def _text(xmp: bytes | str) -> str:
    return xmp if isinstance(xmp, str) else xmp.decode("utf-8", "replace")


def _number(text: str, name: str) -> float | None:
    """Of an attribute or an element of that name, with any prefix."""
    found = re.search(rf":{name}\s*(?:=\s*[\"']|>)\s*([-+0-9.eE]+)", text)
    return _finite(found[1]) if found else None


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def _positive(number: float | None) -> float | None:
    return number if number is not None and number > 0 else None
