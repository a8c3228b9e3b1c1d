"""Cameras, what they see, and what can be asked for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. `camera_to_world` is [4, 4], axes OpenGL (x right, y up, z backward); lengths in pixels."""

    camera_to_world: NDArray[np.float64]
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    log_exposure: float = 0.0
    """Natural logarithm of the exposure relative to the scene's median photo; brightens or darkens what is rendered."""

    def scaled(self, factor: float) -> Camera:
        """The same view with `factor` times as many pixels a side."""
        width, height = max(1, round(self.width * factor)), max(1, round(self.height * factor))
        sx, sy = width / self.width, height / self.height
        return replace(
            self, fx=self.fx * sx, fy=self.fy * sy, cx=self.cx * sx, cy=self.cy * sy, width=width, height=height
        )

    def every(self, stride: int) -> Camera:
        """The view through every `stride`-th pixel's centre, of those that `pixels[stride // 2 :: stride]` are; odd."""
        width, height = (len(range(stride // 2, side, stride)) for side in (self.width, self.height))
        fx, fy, cx, cy = (value / stride for value in (self.fx, self.fy, self.cx, self.cy))
        return replace(self, fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)


@dataclass(frozen=True)
class Rendering:
    """What a camera sees. `depth` is the distance along the ray (not z) in world units; rgb is not premultiplied where
    `alpha` > 0 and is black elsewhere."""

    rgb: NDArray[np.float32]  # [H, W, 3], 0..1
    alpha: NDArray[np.float32]  # [H, W], 0..1
    depth: NDArray[np.float32]  # [H, W]


class Field(Protocol):
    """A trained scene."""

    def render(self, camera: Camera) -> Rendering: ...
