"""Looks at the held-out views during training: at every so many pixels of a few, which costs next to nothing.

The pixels are rendered and compared one by one, as at the end of the training: pictures that were scaled down would be
smoother than what a ray through a pixel's centre sees, by several decibels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.rendering import Camera, Field
from ...quality import metrics, perceptual
from ...quality.basis import looked_at
from .posed_photos import PosedPhoto

COST_IN_STEPS = 8
"""Rays of one look, in those of a step; without gradients they take about as long as two or three steps."""
LOOKS = 30
"""How many looks are spread over a training."""
CLOSEST = 100
"""Steps between two looks, at least."""
LPIPS_SIDE = 64
"""Pixels of the shorter side from which LPIPS says something."""


@dataclass(frozen=True)
class Look:
    """Means over the views; SSIM and LPIPS where the pictures are large enough for them and LPIPS has its weights."""

    psnr: float
    ssim: float | None
    lpips: float | None


def steps_between_looks(steps: int, multiple: int) -> int:
    """How often to look in a training of so many steps; a multiple of `multiple`."""
    return math.ceil(max(CLOSEST, steps / LOOKS) / multiple) * multiple


class HeldOutViews:
    """Pixels of held-out photos, over white."""

    def __init__(self, photos: Sequence[PosedPhoto], rays_per_step: int):
        chosen = [photos[index] for index in looked_at(len(photos))]
        pixels = sum(photo.camera.width * photo.camera.height for photo in chosen)
        stride = 1
        while pixels / stride**2 > COST_IN_STEPS * rays_per_step:
            stride += 2
        self._views = [_every(stride, photo) for photo in chosen]
        self._with_lpips = perceptual.why_unavailable() is None

    def __len__(self) -> int:
        return len(self._views)

    def look(self, field: Field) -> Look:
        found = [self._compare(field, camera, reference) for camera, reference in self._views]
        return Look(
            psnr=float(np.mean([look.psnr for look in found])),
            ssim=_mean([look.ssim for look in found]),
            lpips=_mean([look.lpips for look in found]),
        )

    def _compare(self, field: Field, camera: Camera, reference: NDArray[np.float64]) -> Look:
        rendering = field.render(camera)
        picture = metrics.over_white(rendering.rgb, rendering.alpha)
        side = min(reference.shape[:2])
        return Look(
            psnr=metrics.psnr(picture, reference),
            ssim=metrics.ssim(picture, reference) if side >= metrics.WINDOW else None,
            lpips=perceptual.lpips(picture, reference) if self._with_lpips and side >= LPIPS_SIDE else None,
        )


def _every(stride: int, photo: PosedPhoto) -> tuple[Camera, NDArray[np.float64]]:
    pixels = photo.pixels()[stride // 2 :: stride, stride // 2 :: stride]
    return photo.camera.every(stride), np.asarray(metrics.photo_over_white(pixels), np.float64)


def _mean(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return float(np.mean(known)) if known else None
