"""Photos as the network takes them: squares of 512 pixels, cut from the middle, or with margins where that would cut
the object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reconstruction_worker.engines.training.posed_photos import PosedPhoto
from reconstruction_worker.geometry.rendering import Camera

SIDE: Final = 512
MOST_CUT: Final = 0.01
"""Share of the masked object that may be outside of a square; of more, the whole photo is shown with margins."""
_INSIDE: Final = 250
"""Alpha from which on a pixel is the object's."""


class Policy(StrEnum):
    CROP = "crop"
    """The shorter side fills the square; the longer one is cut at both ends."""
    PAD = "pad"
    """The longer side fills the square; beside the photo is its mean colour, from which no Gaussian is taken."""


@dataclass(frozen=True)
class Square:
    """A photo as the network sees it."""

    name: str
    policy: Policy
    shown: float
    """Share of the photo's area."""
    camera: Camera
    """Of the square."""
    rgb: NDArray[np.uint8]  # [side, side, 3]
    known: NDArray[np.bool_]  # [side, side]: what is the photo's, and the object's where it has a mask

    @property
    def record(self) -> dict[str, Any]:
        return {"photo": self.name, "policy": self.policy.value, "shown": round(self.shown, 4)}


def square_of(photo: PosedPhoto, side: int = SIDE) -> Square:
    """Raises what `PosedPhoto.pixels` raises."""
    pixels = photo.pixels()
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    policy = Policy.PAD if alpha is not None and _cut(alpha >= _INSIDE) > MOST_CUT else Policy.CROP
    height, width = pixels.shape[:2]
    factor = side / (min(width, height) if policy is Policy.CROP else max(width, height))
    scaled = max(1, round(width * factor)), max(1, round(height * factor))
    left, top = (scaled[0] - side) // 2, (scaled[1] - side) // 2  # negative beside a padded photo
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    rgb = cv2.resize(_over_white(pixels), scaled, interpolation=way)
    inside = np.ones((scaled[1], scaled[0]), np.uint8)
    if alpha is not None:
        whole = cv2.resize((alpha >= _INSIDE).astype(np.uint8), scaled, interpolation=cv2.INTER_NEAREST)
        inside = cv2.erode(whole, np.ones((3, 3), np.uint8)).astype(np.uint8)
    mean = rgb.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    across, down = scaled[0] / width, scaled[1] / height
    camera = photo.camera
    return Square(
        photo.name,
        policy,
        min(1.0, side / scaled[0]) * min(1.0, side / scaled[1]),
        replace(
            camera,
            fx=camera.fx * across,
            fy=camera.fy * down,
            cx=camera.cx * across - left,
            cy=camera.cy * down - top,
            width=side,
            height=side,
        ),
        _placed(rgb.astype(np.uint8), left, top, side, mean),
        _placed(inside[..., None], left, top, side, np.zeros(1, np.uint8))[..., 0] > 0,
    )


def _cut(inside: NDArray[np.bool_]) -> float:
    """Share of the object that is outside of the square in the photo's middle."""
    height, width = inside.shape
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    total = int(inside.sum())
    return 1 - int(inside[top : top + side, left : left + side].sum()) / total if total else 0.0


def _over_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.float32) / 255
    return (pixels[..., :3] * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)


def _placed(values: NDArray[np.uint8], left: int, top: int, side: int, beside: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The square whose corner is at `left`, `top` of the picture `values` [h, w, c]; `beside` [c] is around it."""
    result = np.empty((side, side, values.shape[2]), np.uint8)
    result[:] = beside
    part = values[max(top, 0) : max(top, 0) + side, max(left, 0) : max(left, 0) + side]
    row, column = max(-top, 0), max(-left, 0)
    result[row : row + part.shape[0], column : column + part.shape[1]] = part
    return result
