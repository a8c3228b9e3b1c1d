"""Depth maps of Record3D: 32-bit floating-point metres, row by row, compressed by Apple's LZFSE, without their size."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import isqrt
from pathlib import Path
from typing import Final

import lzfse
import numpy as np
from numpy.typing import NDArray

SUFFIX: Final = ".depth"
_END: Final = b"bvx$"
_HEADER_BYTES, _HEADER_BYTES_V2 = 12, 32
"""The least of a block: of any kind, and of one of the usual kind."""
_TWENTY_BITS: Final = 2**20 - 1


def is_lzfse(head: bytes) -> bool:
    return head[:4] in (b"bvx2", b"bvxn", b"bvx-")


def read_lzfse(path: Path, photo: tuple[int, int], most_values: int) -> NDArray[np.float32]:
    """The map [h, w] beside a photo of this width and height, whose shape it has. Raises ValueError."""
    data = path.read_bytes()
    if sum(_raw_sizes(data)) > 4 * most_values:
        raise ValueError("it holds too many values")
    try:
        values = np.frombuffer(lzfse.decompress(data), "<f4")
    except lzfse.error as error:
        raise ValueError("it is damaged") from error
    return values.reshape(_shape(values.size, photo))


def _shape(count: int, photo: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of so many values in the proportions of a photo; phones' maps have whole ones."""
    width, height = photo
    near = isqrt(count * height // width)
    for rows in range(max(1, near - 2), near + 3):
        if count % rows == 0 and abs(count / rows**2 / (width / height) - 1) < 0.02:
            return rows, count // rows
    raise ValueError("its size does not fit the photo's shape")


def _raw_sizes(data: bytes) -> Iterator[int]:
    """Bytes that each block expands to (lzfse_internal.h of github.com/lzfse/lzfse: block headers). Raises ValueError,
    also where a block would have no end."""
    at = 0
    while data[at : at + 4] != _END:
        if at + _HEADER_BYTES > len(data):
            raise ValueError("it is damaged")
        magic, raw = struct.unpack_from("<4sI", data, at)
        yield raw
        if magic == b"bvx2":
            if at + _HEADER_BYTES_V2 > len(data):
                raise ValueError("it is damaged")
            literals, matches, size = struct.unpack_from("<QQQ", data, at + 8)
            if (size & 0xFFFFFFFF) < _HEADER_BYTES_V2:
                raise ValueError("it is damaged")
            at += (size & 0xFFFFFFFF) + (literals >> 20 & _TWENTY_BITS) + (matches >> 40 & _TWENTY_BITS)
        elif magic == b"bvxn":
            at += 12 + struct.unpack_from("<I", data, at + 8)[0]
        elif magic == b"bvx-":
            at += 8 + raw
        else:
            raise ValueError("it is damaged")
