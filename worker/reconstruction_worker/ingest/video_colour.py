"""Colours of a video's frames as sRGB: which matrix and transfer curve its container declares, and what undoes them.

OpenCV decodes every video with the matrix of ITU-R BT.601 and leaves the transfer curve as it is. Numbers are those of
ITU-T H.273; curves and light levels those of ITU-R BT.2100, BT.2408 (white of standard range is 203 cd/m²) and BT.1886.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

PQ: Final = 16
HLG: Final = 18
_MATRIX_709: Final = 1
_MATRICES_2020: Final = (9, 10)
_LUMA: Final = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}
"""Weights of red and blue."""
_709_FROM_2020: Final = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], np.float32
)
_WHITE: Final = 203.0
_HLG_PEAK: Final = 1000.0
_KNEE: Final = 0.9
"""Light relative to white from which highlights are compressed."""
_MOST_HEADER: Final = 64 * 2**20

Picture = NDArray[np.uint8]
Light = NDArray[np.floating]


@dataclass(frozen=True)
class VideoColour:
    """Code points of a video; 2 where it declares none."""

    transfer: int = 2
    matrix: int = 2

    @property
    def high_range(self) -> bool:
        return self.transfer in (PQ, HLG)

    @property
    def note(self) -> str:
        """For people; empty where nothing was done to the colours that they would miss."""
        names = {PQ: "PQ", HLG: "HLG"}
        return f"high dynamic range ({names[self.transfer]}) brought to standard range" if self.high_range else ""

    def corrected(self, picture: Picture) -> Picture:
        """A frame [H, W, 3] as OpenCV decodes it (blue, green, red) with sRGB's colours."""
        standard = "2020" if self.matrix in _MATRICES_2020 else "709" if self.matrix == _MATRIX_709 else "601"
        if standard == "601" and not self.high_range:
            return picture
        rgb = _matrixed(picture[..., ::-1].astype(np.float32) / 255, standard)
        if self.high_range:
            rgb = _standard_range(_light(rgb, self.transfer))
        return np.round(255 * np.clip(rgb, 0, 1)).astype(np.uint8)[..., ::-1]


def colour_of(path: Path) -> VideoColour:
    """What an MP4, MOV or Matroska file declares."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            if head == b"\x1a\x45\xdf\xa3":
                return _matroska(file.read(1 << 20))
            return next((found for box in _movies(file) if (found := _declared(box))), VideoColour())
    except (OSError, struct.error):
        return VideoColour()


def _movies(file: IO[bytes]) -> Iterator[bytes]:
    """Contents of the `moov` boxes (ISO/IEC 14496-12)."""
    while len(header := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", header)
        skipped = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            skipped = 16
        if kind == b"moov":
            yield file.read(min(size - skipped if size else _MOST_HEADER, _MOST_HEADER))
        if size == 0 or size < skipped:
            return
        if kind != b"moov":
            file.seek(size - skipped, 1)


def _declared(movie: bytes) -> VideoColour | None:
    for kind in (b"colrnclx", b"colrnclc"):
        at = movie.find(kind)
        if at >= 0 and at + 14 <= len(movie):
            _, transfer, matrix = struct.unpack_from(">HHH", movie, at + 8)
            return VideoColour(transfer, matrix)
    return None


def _matroska(head: bytes) -> VideoColour:
    """Elements MatrixCoefficients and TransferCharacteristics of one byte (RFC 9559, 5.1.4.1.28)."""

    def value(element: bytes) -> int:
        at = head.find(element + b"\x81")
        return head[at + 3] if 0 <= at < len(head) - 3 else 2

    return VideoColour(value(b"\x55\xba"), value(b"\x55\xb1"))


def _matrixed(rgb: Light, standard: str) -> Light:
    """RGB [H, W, 3] decoded with BT.601's matrix, as the matrix of another standard gives it."""
    if standard == "601":
        return rgb
    red, blue = _LUMA["601"]
    luma = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    from_blue, from_red = (rgb[..., 2] - luma) / (2 * (1 - blue)), (rgb[..., 0] - luma) / (2 * (1 - red))
    red, blue = _LUMA[standard]
    r, b = luma + 2 * (1 - red) * from_red, luma + 2 * (1 - blue) * from_blue
    return np.stack([r, (luma - red * r - blue * b) / (1 - red - blue), b], axis=-1)


def _light(signal: Light, transfer: int) -> Light:
    """Displayed light relative to white of standard range, in BT.709's primaries; may be above 1."""
    signal = np.clip(signal, 0, 1)
    if transfer == PQ:
        power = signal ** (32 / 2523)
        nits = 10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (16384 / 2610)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        luma = scene @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        nits = _HLG_PEAK * scene * np.maximum(luma, 1e-6)[..., None] ** 0.2
    return (nits / _WHITE).astype(np.float32) @ _709_FROM_2020.T


def _standard_range(light: Light) -> Light:
    """Light as the signal of a display of standard range: highlights are compressed, colours keep their tint."""
    light = np.maximum(light, 0)
    peak = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    room = 1 - _KNEE
    compressed = _KNEE + room * (1 - np.exp(-(np.maximum(peak, _KNEE) - _KNEE) / room))
    return (light * np.where(peak > _KNEE, compressed / peak, 1)) ** (1 / 2.4)
