"""Renders small videos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .photos import picture

FOURCC = {".mp4": "mp4v", ".mov": "mp4v", ".webm": "VP80"}


def frame(index: int, blurred: bool = False, size: tuple[int, int] = (192, 128)) -> NDArray[np.uint8]:
    """A picture (BGR) that wanders over a larger one; its number, in 16 squares of black and white, is at the top."""
    large = np.asarray(picture(1, 640, 480))
    x, y = 4 * index % 400, 3 * index % 300
    pixels = large[y : y + size[1], x : x + size[0]].copy()
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for bit in range(16):
        draw.rectangle((bit * 12, 0, bit * 12 + 11, 11), fill="white" if index >> bit & 1 else "black")
    drawn = np.asarray(image)[..., ::-1].copy()
    return cv2.blur(drawn, (7, 7)).astype(np.uint8) if blurred else drawn


def number_of(path: Path) -> int:
    """The number that a frame carries."""
    grey = np.asarray(Image.open(path).convert("L"))
    return sum(1 << bit for bit in range(16) if grey[3:9, bit * 12 + 3 : bit * 12 + 9].mean() > 128)


def write_video(path: Path, count: int, blurred: frozenset[int] = frozenset(), rate: float = 25) -> Path:
    """A video of `count` frames, of which those in `blurred` are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*FOURCC[path.suffix]), rate, (192, 128))
    assert writer.isOpened()
    for index in range(count):
        writer.write(frame(index, index in blurred))
    writer.release()
    return path
