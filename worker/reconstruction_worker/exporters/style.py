"""What an entry of `spec.exports` says of its file, and its texture as a picture of that kind."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.exports import Compression, Export, Material, TextureFormat

JPEG_QUALITY: Final = 92
WEBP_QUALITY: Final = 85
"""Colours are stored at half the resolution; beside the photos no coarser than JPEG of 92."""
PNG_LEVEL: Final = 4


@dataclass(frozen=True)
class Style:
    """How a file is to be written."""

    stem: str = "model"
    """What the names of its files begin with."""
    compression: Compression = Compression.NONE
    texture: TextureFormat | None = None
    """None where the format decides."""
    unlit: bool = False


def style_of(export: Export) -> Style:
    """As an entry wants it."""
    return Style(
        stem=export.name or export.format.stem,
        compression=export.chosen_compression,
        texture=export.texture_format,
        unlit=export.material is Material.UNLIT,
    )


@dataclass(frozen=True)
class Picture:
    """A texture as a file."""

    content: bytes
    media_type: str
    suffix: str


def picture_of(texture: NDArray[np.uint8], wanted: TextureFormat) -> Picture:
    """A texture [H, W, 3] as a file of a kind."""
    data, image = BytesIO(), Image.fromarray(texture)
    match wanted:
        case TextureFormat.JPEG:  # with full colour resolution
            image.save(data, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
            return Picture(data.getvalue(), "image/jpeg", ".jpg")
        case TextureFormat.PNG:
            image.save(data, "PNG", compress_level=PNG_LEVEL)
            return Picture(data.getvalue(), "image/png", ".png")
        case TextureFormat.WEBP:
            image.save(data, "WEBP", quality=WEBP_QUALITY, method=4)
            return Picture(data.getvalue(), "image/webp", ".webp")


def decoded_rgb(content: bytes) -> NDArray[np.uint8]:
    """The pixels of a texture's file. [H, W, 3]"""
    with Image.open(BytesIO(content)) as image:
        return np.array(image.convert("RGB"))
