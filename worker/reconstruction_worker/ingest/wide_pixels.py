"""Photos of more than 8 bits a channel, brought to 8 bits with one scale for the whole set.

Sensors of 10, 12 and 14 bits and thermal cameras store 16-bit files whose values use a part of the range; what is white
is known only from all photos together, and one scale keeps them comparable.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError

from .formats import Kind, kind_of, read_head
from .limits import Limits
from .listing import SourceFile

_BITS: Final = (8, 10, 12, 14, 16)
_NARROW: Final = 0.5
"""Share of the largest value that the values of a set must span to be taken as light from black on; what spans less,
as temperatures do, is stretched from its own least value."""
_SAMPLED: Final = 24
"""Photos of a set whose values are looked at."""
_READ_COMPRESSIONS: Final = (tifffile.COMPRESSION.NONE, tifffile.COMPRESSION.ADOBE_DEFLATE)
"""Those that tifffile reads by itself; OpenCV reads the others, but not every layout of bands."""
_PNG_DEPTH_AT: Final = 24
"""Byte of a PNG that holds the bits of a channel (IHDR comes first)."""

Values = NDArray[Any]
"""[H, W] or [H, W, 3], as in the file; integers of 16 bits, or floating-point numbers."""


@dataclass(frozen=True)
class Tones:
    """Values that become black and white."""

    black: float
    white: float
    linear: bool = False
    """Values are amounts of light, as floating-point files hold them, and get sRGB's curve."""

    @property
    def note(self) -> str:
        if self.linear:
            return f"floating-point values tone-mapped (white at {self.white:.3g})"
        if self.black:
            return f"16 bits reduced to 8 (values {self.black:.0f} to {self.white:.0f})"
        return "16 bits reduced to 8" + ("" if self.white == 65535 else f" (white is {self.white:.0f})")

    def picture(self, values: Values) -> Image.Image:
        """As 8-bit RGB."""
        share = np.clip((values.astype(np.float32) - self.black) / max(self.white - self.black, 1e-12), 0, 1)
        if self.linear:  # IEC 61966-2-1
            share = np.where(share <= 0.0031308, 12.92 * share, 1.055 * np.power(share, 1 / 2.4) - 0.055)
        return Image.fromarray(np.round(255 * share).astype(np.uint8)).convert("RGB")


ToneScales = Mapping[str, Tones]
"""By NumPy's kind of the values (`u`, `f`): integers and amounts of light have no common scale."""


def tones_of(photos: Iterable[SourceFile], limits: Limits) -> dict[str, Tones]:
    """One scale for all photos of more than 8 bits that hold the same kind of values."""
    wide = [photo for photo in photos if photo.size <= limits.allowed_bytes(photo.name) and is_wide(photo.path)]
    found: dict[str, list[_Extremes]] = defaultdict(list)
    for photo in wide[:: max(1, len(wide) // _SAMPLED)]:
        with contextlib.suppress(Exception):  # what is wrong is told when the photo itself is read
            values = wide_values(photo.path, photo.name, limits)
            if values is not None and values.size:
                sample = values[::4, ::4][np.isfinite(values[::4, ::4])]
                bright = float(np.percentile(sample, 99.5))
                found[values.dtype.kind].append(_Extremes(float(sample.min()), bright, float(sample.max())))
    return {kind: _tones(extremes, linear=kind == "f") for kind, extremes in found.items()}


class _Extremes(NamedTuple):
    """Of a photo's values."""

    least: float
    bright: float
    """Few values are above it."""
    largest: float


def _tones(found: Sequence[_Extremes], *, linear: bool) -> Tones:
    if linear:
        return Tones(0.0, max(float(np.median([item.bright for item in found])), 1e-12), linear=True)
    lowest, highest = min(item.least for item in found), max(item.largest for item in found)
    if highest - lowest < _NARROW * highest:
        return Tones(lowest, highest)
    return Tones(0.0, next(2.0**bits - 1 for bits in _BITS if highest < 2**bits))


def is_wide(path: Path) -> bool:
    """Whether a PNG or TIFF may hold more than 8 bits a channel, by its header."""
    head = read_head(path)
    kind = kind_of(head, path.name)[0]
    if kind is Kind.PNG:
        return len(head) > _PNG_DEPTH_AT and head[_PNG_DEPTH_AT] == 16
    return kind is Kind.TIFF


def wide_values(path: Path, name: str, limits: Limits) -> Values | None:
    """The pixels of a photo of more than 8 bits, without alpha; None for one of 8 bits, which other decoders read.
    Raises UnsupportedFormat for what is sound, but no photo."""
    if not is_wide(path):
        return None
    if kind_of(read_head(path), name)[0] is Kind.PNG:
        return _decoded_by_opencv(path)
    return _tiff_values(path, name, limits)


def _tiff_values(path: Path, name: str, limits: Limits) -> Values | None:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        if not isinstance(page, tifffile.TiffPage) or page.dtype is None:
            return None
        bands, kind, bits = page.samplesperpixel, page.dtype.kind, 8 * page.dtype.itemsize
        if page.imagewidth * page.imagelength > limits.pixels or page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            return None
        if bands > 4 or (bands == 2 and not page.extrasamples):
            raise _unsupported(name, f"holds {bands} bands, as multispectral cameras and satellites write them")
        if kind == "b" or (kind in "iu" and bits <= 8):
            return None
        if kind == "i":
            raise _unsupported(name, f"holds signed {bits}-bit values, not a photo")
        if kind == "u" and bits > 16:
            raise _unsupported(name, f"holds {bits}-bit values, not a photo")
        if kind not in "uf" or (kind == "f" and bands < 3):
            raise _unsupported(name, "holds floating-point values of one band, not a photo")
        if page.compression not in _READ_COMPRESSIONS:
            return _decoded_by_opencv(path)
        values = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            values = np.iinfo(values.dtype).max - values
        planar = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and values.ndim == 3
        values = np.moveaxis(values, 0, -1) if planar and values.shape[0] == bands else values
    if values.ndim == 3:
        values = values[..., :3] if values.shape[-1] >= 3 else values[..., 0]
    return values.astype(np.float32) if kind == "f" else values


def _decoded_by_opencv(path: Path) -> Values | None:
    """The pixels as in the file; None for what another decoder has to say what is wrong with."""
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if values is None or values.ndim == 2:
        return values
    return values[..., 2::-1]


def _unsupported(name: str, problem: str) -> ReconstructionError:
    return ReconstructionError(
        "UnsupportedFormat",
        f"{name} {problem}.",
        suggestion="Export the colours that people see as JPEG, PNG or TIFF with three bands of 8 or 16 bits.",
    )
