"""SPZ: Gaussians in 20 bytes each and one for each coefficient of the harmonics above the constant ones, compressed
(Niantic's open format, version 3). Written by gsply, checked by a reader here.

Coordinates are those of the format: right-handed, y up. A coordinate is a whole number of 24 bits with as many bits
behind the point as the scene allows.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.formats import ExportFormat

from ..geometry.gaussians import Gaussians
from .checking import Content, reading, require
from .exporter import Exporter
from .gaussian_values import Rounding, compare_gaussians, log_scales, opacity_logits, y_up
from .smallest_three import LIMIT, completed
from .smallest_three import rounding as turn_rounding

FILE = ExportFormat.SPZ.file
VERSION: Final = 3
MAGIC: Final = b"NGSP"
MOST_BITS: Final = 24
COLOUR_SCALE: Final = 0.15
"""Steps of a colour's constant coefficient: 0.5 at 127.5, in 255 parts of 1/0.15."""
SCALES: Final = (-10.0, 5.9375)
"""Natural logarithms of the smallest and the largest size."""
_HEADER: Final = "<4sIIBBBB"
FLAGS_AT: Final = 14
ANTIALIASED: Final = 1
"""Among the flags."""
_COEFFICIENTS: Final = (0, 3, 8, 15)
"""Above the constant one, by degree."""


def write(gaussians: Gaussians, folder: Path) -> list[Path]:
    """Write `splats.spz`, y up. `gaussians` are z up."""
    path = folder / FILE
    write_upright(y_up(gaussians), path)
    return [path]


def write_upright(gaussians: Gaussians, path: Path) -> None:
    """Write Gaussians as they lie."""
    from gsply import GSData, write_spz

    stored = _storable(gaussians)
    data = GSData.from_arrays(
        stored.means,
        log_scales(stored),
        stored.rotations,
        opacity_logits(stored),
        stored.harmonics[:, 0],
        stored.harmonics[:, 1:] if stored.harmonics.shape[1] > 1 else None,
    )
    write_spz(path, data, version=VERSION, fractional_bits=_fractional_bits(stored))
    if gaussians.antialiased:  # gsply knows nothing of it
        content = bytearray(gzip.decompress(path.read_bytes()))
        content[FLAGS_AT] |= ANTIALIASED
        path.write_bytes(gzip.compress(content, mtime=0))


def check(gaussians: Gaussians, folder: Path) -> Content:
    """Open `splats.spz` again. Raises ExportFailed."""
    meant = _storable(y_up(gaussians))
    with reading(FILE):
        found = read((folder / FILE).read_bytes())
    rounding = Rounding(
        position=0.51 / 2 ** _fractional_bits(meant) + 1e-6 * float(np.abs(meant.means).max()),
        log_scale=0.51 / 16,
        turn=turn_rounding(LIMIT / 511),
        opacity=0.51 / 255,
        colour=0.51 / 255 / COLOUR_SCALE,
        harmonics=0.51 / 128,
    )
    return compare_gaussians(FILE, found, meant, rounding)


def read(data: bytes) -> Gaussians:
    """What a file holds, as it lies. Raises ExportFailed for what is not a file of this version."""
    content = gzip.decompress(data)
    magic, version, count, degree, bits, flags, _ = struct.unpack_from(_HEADER, content)
    require(FILE, magic == MAGIC and version == VERSION, "it is not an SPZ file of version 3")
    coefficients = _COEFFICIENTS[degree]
    rows = _Rows(content, struct.calcsize(_HEADER), count)
    parts = rows.take(9).reshape(count, 3, 3).astype(np.int32)
    fixed = parts[..., 0] | parts[..., 1] << 8 | parts[..., 2] << 16
    opacities = rows.take(1)[:, 0].astype(np.float32) / np.float32(255)
    colours = (rows.take(3) / np.float32(255) - np.float32(0.5)) / np.float32(COLOUR_SCALE)
    sizes = np.exp(rows.take(3) / np.float32(16) + np.float32(SCALES[0]))
    rotations = _rotations(rows.take(4))
    rest = (rows.take(3 * coefficients).reshape(count, coefficients, 3) - np.float32(128)) / np.float32(128)
    require(FILE, rows.at == len(content), "it is longer than its header says")
    return Gaussians(
        means=((fixed ^ 0x800000) - 0x800000).astype(np.float32) / np.float32(2**bits),
        scales=sizes,
        rotations=rotations,
        opacities=opacities,
        harmonics=np.concatenate([colours[:, None], rest], axis=1),
        antialiased=bool(flags & ANTIALIASED),
    )


class _Rows:
    """The file's sections, one behind the other, each with so many bytes a Gaussian."""

    def __init__(self, content: bytes, at: int, count: int):
        self.content, self.at, self.count = content, at, count

    def take(self, width: int) -> NDArray[np.uint8]:
        """The next section. [N, width]"""
        rows = np.frombuffer(self.content, np.uint8, self.count * width, self.at)
        self.at += self.count * width
        return rows.reshape(self.count, width)


def _rotations(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unit quaternions w, x, y, z from sign and nine bits of each number but the largest. [N, 4]"""
    packed = np.ascontiguousarray(rows).view("<u4")[:, 0]
    parts = np.stack([packed >> shift & 0x3FF for shift in (20, 10, 0)], axis=1)
    others = np.where(parts & 0x200, -1, 1) * (parts & 0x1FF) / 511 * LIMIT
    return np.roll(completed((packed >> 30).astype(np.int64), others), 1, axis=1)  # the file has x, y, z, w


def _storable(gaussians: Gaussians) -> Gaussians:
    """Without what the file's numbers can't say."""
    smallest, largest = (np.float32(np.exp(each)) for each in SCALES)
    harmonics = gaussians.harmonics.copy()
    reach = 0.5 / COLOUR_SCALE
    harmonics[:, :1] = np.clip(harmonics[:, :1], -reach, reach)
    harmonics[:, 1:] = np.clip(harmonics[:, 1:], -1, 127 / 128)
    return replace(gaussians, scales=np.clip(gaussians.scales, smallest, largest), harmonics=harmonics)


def _fractional_bits(gaussians: Gaussians) -> int:
    """Bits behind the point, so that the farthest coordinate still fits into 24 with its sign."""
    farthest = max(float(np.abs(gaussians.means).max()), 1e-6)
    return int(np.clip(np.floor(np.log2((2**23 - 1) / farthest)), 1, MOST_BITS - 1))


EXPORTER = Exporter(write, check, up="y", checked_by="a reader of this project")
