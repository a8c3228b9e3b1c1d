"""What a photo's header says, without decoding its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pi_heif
import rawpy
from PIL import Image

from .formats import Kind, kind_of, read_head
from .metadata import CameraData, camera_data, raw_camera_data

_ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})


@dataclass(frozen=True)
class Header:
    """Of a photo. `width` and `height` in pixels, as stored."""

    format: str
    width: int
    height: int
    has_alpha: bool
    camera: CameraData


def read_header(path: Path, name: str) -> Header:
    """Raises whatever the decoder of its format does when the header is damaged."""
    kind, form = kind_of(read_head(path), name)
    if kind is Kind.RAW:
        return _raw_header(path, form)
    with open_picture(path, kind) as image:
        return Header(image.format or form, *image.size, has_alpha(image), camera_data(image))


def open_picture(path: Path, kind: Kind) -> Image.Image:
    """Pillow's view of a photo that is not raw; its pixels are not read yet."""
    if kind is Kind.HEIC:
        pi_heif.register_heif_opener(thumbnails=False)
    return Image.open(path)


def has_alpha(image: Image.Image) -> bool:
    """Whether the file has an alpha channel or a transparent colour."""
    return image.mode in _ALPHA_MODES or "transparency" in image.info


def _raw_header(path: Path, form: str) -> Header:
    with path.open("rb") as file, rawpy.imread(file) as raw:
        size = raw.sizes.width, raw.sizes.height
    return Header(form, *size, False, raw_camera_data(path, size))
