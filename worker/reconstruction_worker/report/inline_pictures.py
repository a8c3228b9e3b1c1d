"""Pictures small enough to live inside the page."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

SHEET_PIXELS = 3_000_000
"""Of all thumbnails together; fewer photos get larger ones."""
LARGEST_THUMBNAIL, SMALLEST_THUMBNAIL = 256, 48
PLAIN = (128, 128, 128)


@dataclass(frozen=True)
class Sheet:
    """Thumbnails side by side in one picture."""

    url: str
    columns: int
    rows: int


def jpeg_url(picture: Image.Image, quality: int = 82) -> str:
    """A picture as a data URL."""
    data = BytesIO()
    flat(picture).save(data, "JPEG", quality=quality, optimize=True, progressive=True)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def scaled_url(path: Path, side: int, quality: int = 82) -> str:
    """A picture file with its longer side scaled down to `side` pixels, as a data URL."""
    with Image.open(path) as picture:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        return jpeg_url(picture, quality)


def thumbnail_sheet(paths: list[Path]) -> Sheet:
    """The pictures in the order given, each stretched to the same square cell."""
    side = int(min(max(math.sqrt(SHEET_PIXELS / max(len(paths), 1)), SMALLEST_THUMBNAIL), LARGEST_THUMBNAIL))
    columns = max(1, math.ceil(math.sqrt(len(paths))))
    rows = max(1, math.ceil(len(paths) / columns))
    sheet = Image.new("RGB", (columns * side, rows * side), PLAIN)
    for index, path in enumerate(paths):
        with Image.open(path) as picture:
            picture.draft("RGB", (side, side))
            cell = flat(picture).resize((side, side), Image.Resampling.BOX)
        sheet.paste(cell, (index % columns * side, index // columns * side))
    return Sheet(jpeg_url(sheet, quality=80), columns, rows)


def flat(picture: Image.Image) -> Image.Image:
    """RGB, on plain grey where it is transparent."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (*PLAIN, 255))
        return Image.alpha_composite(ground, rgba).convert("RGB")
    return ImageOps.exif_transpose(picture).convert("RGB")
