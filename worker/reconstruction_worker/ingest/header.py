"""What a photo's header says, without decoding its pixels."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pi_heif
import rawpy
from PIL import Image

from .formats import Kind, kind_of, read_head
from .metadata import CameraData, camera_data


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
    if kind is Kind.HEIC:
        pi_heif.register_heif_opener(thumbnails=False)
    with Image.open(path) as image:
        alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        return Header(image.format or form, *image.size, alpha, camera_data(image))


def _raw_header(path: Path, form: str) -> Header:
    with path.open("rb") as file, rawpy.imread(file) as raw:
        size = raw.sizes.width, raw.sizes.height
    camera = CameraData()
    with contextlib.suppress(Exception), Image.open(path) as container:
        camera = camera_data(container, size)
    return Header(form, *size, False, camera)
