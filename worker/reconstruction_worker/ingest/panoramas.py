"""Photos of 360 degrees (equirectangular: columns are longitudes, rows are latitudes) as pictures of pinhole cameras.

Structure from motion and training know cameras with one direction of view. Each panorama becomes eight pictures that
look along the horizon, 45 degrees apart and 90 degrees wide, so that neighbours share half of what they show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from .dataset import Panorama, PanoramaView
from .decode import decode
from .formats import Kind, kind_of, read_head
from .header import open_picture
from .limits import Limits
from .listing import SourceFile

YAWS: Final = tuple(range(0, 360, 45))
FIELD_OF_VIEW: Final = 90.0
_TOLD: Final = re.compile(rb"ProjectionType\s*(=\s*[\"']|>)\s*equirectangular")
"""Photo Sphere XMP, https://developers.google.com/streetview/spherical-metadata."""
_FULL: Final = re.compile(rb"GPano:(CroppedAreaImageWidthPixels|FullPanoWidthPixels)(?:=\"|>)(\d+)")
_KINDS: Final = (Kind.JPEG, Kind.PNG, Kind.TIFF, Kind.WEBP)
_LEAST_WIDTH: Final = 2000
"""Of a panorama that does not say that it is one."""
_LIKE_NEIGHBOURS, _VARIED = 1.5, 4.0
"""How many times as much as usual neighbours the outermost columns may differ; the least standard deviation of their
grey values."""
_MILLIMETRES: Final = 4
"""Exif's FocalPlaneResolutionUnit."""


@dataclass(frozen=True)
class Cut:
    """A panorama, and the pictures that were cut from it; `views` by their names."""

    panorama: Panorama
    views: dict[str, PanoramaView]
    files: list[SourceFile]


def is_panorama(photo: SourceFile) -> bool:
    """Whether a photo shows the whole horizon: it says so, or it is twice as wide as high and its left border is its
    right one. False for what can't be read; decoding it tells why."""
    kind, _ = kind_of(read_head(photo.path), photo.name)
    if kind not in _KINDS:
        return False
    try:
        with open_picture(photo.path, kind) as image:
            width, height = image.size
            if width != 2 * height:
                return False
            told = image.info.get("xmp") or b""
            if _TOLD.search(told):
                sizes = set(dict(_FULL.findall(told)).values())
                return len(sizes) < 2  # a part of the horizon only, padded by the app, has two
            return width >= _LEAST_WIDTH and _borders_meet(image)
    except Exception:  # decoders raise whatever their parsers stumble over
        return False


def cut(photo: SourceFile, into: Path, limits: Limits, side: int) -> Cut:
    """Write the pictures below `into`, each of at most `side` pixels. Raises as `decode` does."""
    decoded = decode(photo.path, photo.name, limits)
    pixels = np.asarray(decoded.image.convert("RGB"))
    side = min(side, round(pixels.shape[1] / np.pi))  # as many pixels for a degree in the middle as the panorama has
    stem = PurePosixPath(photo.name).with_suffix("")
    exif = _exif_of(photo.path, side)
    views: dict[str, PanoramaView] = {}
    files: list[SourceFile] = []
    into.mkdir(parents=True, exist_ok=True)
    for yaw in YAWS:
        path = into / f"{yaw:03d}.jpg"
        Image.fromarray(_looking(pixels, yaw, side)).save(path, quality=95, subsampling=0, exif=exif)
        name = f"{stem}_{yaw:03d}.jpg"
        files.append(SourceFile(name, path, path.stat().st_size))
        views[name] = PanoramaView(panorama=photo.name, yaw_degrees=yaw)
    return Cut(Panorama(name=photo.name, width=decoded.width, height=decoded.height, views=len(files)), views, files)


def cut_all(
    photos: Sequence[SourceFile], into: Path, limits: Limits, side: int, report: Callable[[str], None]
) -> list[Cut]:
    """Every panorama among the photos."""
    found = [photo for photo in photos if is_panorama(photo)]
    result: list[Cut] = []
    for number, photo in enumerate(found):
        report(f"cutting panorama {number + 1} of {len(found)}")
        result.append(cut(photo, into / f"{number:03d}", limits, side))
    return result


def _looking(pixels: NDArray[np.uint8], yaw: float, side: int) -> NDArray[np.uint8]:
    """[side, side, 3]: what a camera sees that looks along the horizon, `yaw` degrees right of the panorama's middle.
    Of a picture smaller than the panorama each pixel is the mean of those that it covers."""
    import cv2

    height, width = pixels.shape[:2]
    longest = max(1, round(width / np.pi / side))
    if longest > 1:
        smaller = cv2.resize(pixels, (width // longest, height // longest), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(smaller, dtype=np.uint8)
        height, width = pixels.shape[:2]
    steps = (np.arange(side) + 0.5) / side * 2 - 1
    reach = np.tan(np.radians(FIELD_OF_VIEW / 2))
    right, down = np.meshgrid(steps * reach, steps * reach)
    longitude = np.arctan2(right, 1.0) + np.radians(yaw)
    latitude = np.arctan2(down, np.hypot(right, 1.0))
    columns = (longitude / (2 * np.pi) + 0.5) * width - 0.5
    rows = (latitude / np.pi + 0.5) * height - 0.5
    places = np.mod(columns, width).astype(np.float32), rows.astype(np.float32)
    return np.asarray(cv2.remap(pixels, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP), dtype=np.uint8)


def _exif_of(path: Path, side: int) -> bytes:
    """The panorama's place and exposure, and the focal length of a picture cut from it, as cameras write them."""
    written = Image.Exif()
    try:
        with Image.open(path) as image:
            exif = image.getexif()
            location, photo = exif.get_ifd(ExifTags.IFD.GPSInfo), exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:  # damaged EXIF is no reason to lose a photo
        location, photo = {}, {}
    kept = (ExifTags.Base.ExposureTime, ExifTags.Base.FNumber, ExifTags.Base.ISOSpeedRatings)
    if location:
        written.get_ifd(ExifTags.IFD.GPSInfo).update(location)
    camera = written.get_ifd(ExifTags.IFD.Exif)
    camera.update({int(tag): photo[tag] for tag in kept if tag in photo})
    camera[ExifTags.Base.FocalLength] = side / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
    camera[ExifTags.Base.FocalPlaneXResolution] = 1.0
    camera[ExifTags.Base.FocalPlaneResolutionUnit] = _MILLIMETRES
    camera[ExifTags.Base.ExifImageWidth] = side
    try:
        return written.tobytes()
    except Exception:  # values that Pillow has read but can't write
        return b""


def _borders_meet(image: Image.Image) -> bool:
    """Whether the outermost columns differ no more than any two neighbours, and are not a backdrop of one colour."""
    grey = np.asarray(image.convert("L").resize((image.width // 4, image.height // 4), Image.Resampling.BOX), float)
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    apart, varied = float(np.abs(grey[:, 0] - grey[:, -1]).mean()), float(grey[:, 0].std())
    return apart < _LIKE_NEIGHBOURS * float(np.median(steps)) + 1 and apart < 0.5 * varied and varied > _VARIED
