"""JPEG files whose last bytes are missing although every row of the picture is there.

A decoder fills what is missing with blocks of the middle grey: their coefficients are all zero (ITU-T T.81, F.2.2).
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

END: Final = b"\xff\xd9"
_SCAN: Final = b"\xff\xda"
_GREY: Final = 128
NOTE: Final = "the end of the file is missing, but no row of the picture"


def open_without_end(path: Path) -> Image.Image | None:
    """The loaded picture of a file that has lost its end; None where rows of the picture are missing too."""
    data = path.read_bytes()
    image = Image.open(io.BytesIO(data + END), formats=("JPEG",))
    try:
        image.load()
    except OSError:
        return None
    if image.info.get("progressive") and not _has_last_scans(data):
        return None
    last = np.asarray(image.convert("RGB"))[-1]
    return None if (last == _GREY).all() else image


def _has_last_scans(data: bytes) -> bool:
    """Whether a progressive file has begun with every component's last bits: what is missing then can't be seen."""
    final: set[tuple[int, bool]] = set()
    components: set[int] = set()
    position = data.find(_SCAN)
    while position >= 0 and position + 5 < len(data):
        count = data[position + 4]
        header = data[position + 5 : position + 8 + 2 * count]
        if len(header) < 2 * count + 3:
            break
        chosen = [header[2 * index] for index in range(count)]
        start, _, approximation = header[2 * count :]
        components.update(chosen)
        if approximation & 0x0F == 0:
            final.update((component, start == 0) for component in chosen)
        position = data.find(_SCAN, position + 2)
    return bool(components) and all((component, part) in final for component in components for part in (True, False))
