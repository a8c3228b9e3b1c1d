"""What a camera wrote into a photo's EXIF and XMP: focal length, place, exposure, how it was held. Damaged EXIF is no
reason to lose a photo."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import ExifTags, Image

from .flight_data import Deviation, Gimbal, deviation, gimbal

_FULL_FRAME_DIAGONAL_MM: Final = math.hypot(36, 24)
_MILLIMETRES_PER_UNIT: Final = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""Exif 2.32, FocalPlaneResolutionUnit: inch, centimetre, and the common extensions millimetre and micrometre."""


@dataclass(frozen=True)
class CameraData:
    """`focal_pixels` is for the image as it is in the file; `gps` is latitude, longitude (degrees, WGS 84), altitude
    (metres, None when unknown). `exposure` is proportional to the light that the sensor counted: seconds times ISO
    speed over the square of the f-number."""

    focal_pixels: float | None = None
    gps: tuple[float, float, float | None] | None = None
    gps_deviation: Deviation | None = None
    gimbal: Gimbal | None = None
    exposure: float | None = None


def camera_data(image: Image.Image, size: tuple[int, int] | None = None) -> CameraData:
    """Focal length, place and exposure from EXIF of an opened image. `size` is the photo's in pixels where the image
    is only the container of another one."""
    try:
        exif = image.getexif()
        photo, location = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # Pillow raises whatever its parser stumbles over
        return CameraData()
    xmp: bytes | str = image.info.get("xmp") or b""
    return CameraData(
        focal_pixels=focal_length(photo, *(size or image.size)),
        gps=position(location),
        gps_deviation=deviation(xmp, location),
        gimbal=gimbal(xmp),
        exposure=exposure(photo),
    )


def raw_camera_data(path: Path, size: tuple[int, int]) -> CameraData:
    """`camera_data` of a raw photo of `size`. Cameras write it into a TIFF around the sensor's pixels, which Pillow
    reads; where it is no TIFF there is none."""
    with contextlib.suppress(Exception), Image.open(path) as container:
        return camera_data(container, size)
    return CameraData()


def focal_length(exif: Mapping[int, Any], width: int, height: int) -> float | None:
    """Focal length in pixels from a photo's EXIF tags.

    The 35 mm equivalent is defined by the diagonal (CIPA DC-008). Without it, FocalLength and FocalPlaneXResolution
    give the pixel pitch of the original, which PixelXDimension relates to a photo that was scaled since.
    """
    equivalent = _positive(exif.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if equivalent:
        return equivalent * math.hypot(width, height) / _FULL_FRAME_DIAGONAL_MM
    focal = _positive(exif.get(ExifTags.Base.FocalLength))
    density = _positive(exif.get(ExifTags.Base.FocalPlaneXResolution))
    unit = _MILLIMETRES_PER_UNIT.get(exif.get(ExifTags.Base.FocalPlaneResolutionUnit, 2))
    if not (focal and density and unit):
        return None
    original_width = _positive(exif.get(ExifTags.Base.ExifImageWidth)) or width
    original_height = _positive(exif.get(ExifTags.Base.ExifImageHeight)) or height
    scale = max(width, height) / max(original_width, original_height)
    pixels = focal * density / unit * scale
    # Some cameras write the density of the thumbnail or of the screen; no lens is that wide or that long.
    return pixels if 0.2 < pixels / max(width, height) < 50 else None


def exposure(exif: Mapping[int, Any]) -> float | None:
    """Exposure from a photo's EXIF tags (exposure time in seconds, f-number, ISO speed); None unless all are there, for
    exposures are compared between photos."""
    speed = exif.get(ExifTags.Base.ISOSpeedRatings)
    seconds = _positive(exif.get(ExifTags.Base.ExposureTime))
    aperture = _positive(exif.get(ExifTags.Base.FNumber))
    iso = _positive(speed[0] if isinstance(speed, tuple) and speed else speed)
    return seconds * iso / aperture**2 if seconds and aperture and iso else None


def position(gps: Mapping[int, Any]) -> tuple[float, float, float | None] | None:
    """Latitude, longitude and altitude from a photo's GPS tags."""
    latitude = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), "S")
    longitude = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), "W")
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    if latitude == 0 and longitude == 0:  # what receivers write before they have a fix
        return None
    altitude = _finite(gps.get(ExifTags.GPS.GPSAltitude))
    below_sea = gps.get(ExifTags.GPS.GPSAltitudeRef) in (1, b"\x01")
    return latitude, longitude, -altitude if altitude is not None and below_sea else altitude


def _degrees(value: Any, reference: Any, negative: str) -> float | None:
    if not isinstance(value, tuple) or len(value) != 3:
        return None
    parts = [_finite(part) for part in value]
    if any(part is None for part in parts):
        return None
    degrees = sum(part / 60**power for power, part in enumerate(parts) if part is not None)
    return -degrees if str(reference).strip("\0 ").upper() == negative else degrees


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: Any) -> float | None:
    number = _finite(value)
    return number if number is not None and number > 0 else None
