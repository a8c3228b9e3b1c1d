"""A slow, obvious picture of Gaussians, with which faster ones are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reconstruction_worker.geometry.contribution import covariance, ellipses
from reconstruction_worker.geometry.gaussians import Gaussians
from reconstruction_worker.geometry.harmonics import CONSTANT
from reconstruction_worker.geometry.rendering import Camera


def splat_picture(gaussians: Gaussians, camera: Camera, ground: float = 0.0) -> NDArray[np.float64]:
    """What a camera sees, in the colours that do not depend on the direction, on a grey ground. [H, W, 3] 0..1"""
    shown = ellipses(gaussians, covariance(gaussians), camera)
    colours = np.clip(gaussians.harmonics[:, 0].astype(float) * CONSTANT + 0.5, 0, 1)
    light = np.ones((camera.height, camera.width))
    picture = np.zeros((camera.height, camera.width, 3))
    for index in shown.order:
        (x, y), (xx, xy, yy) = shown.centres[index].astype(float), shown.conics[index].astype(float)
        reach = shown.reaches[index]
        rows = slice(max(0, int(y - reach)), max(0, int(y + reach) + 1))
        columns = slice(max(0, int(x - reach)), max(0, int(x + reach) + 1))
        dy = np.arange(camera.height)[rows, None] + 0.5 - y
        dx = np.arange(camera.width)[None, columns] + 0.5 - x
        alpha = shown.opacities[index] * np.exp(-0.5 * (xx * dx**2 + 2 * xy * dx * dy + yy * dy**2))
        alpha = np.where(alpha < 1 / 255, 0, np.minimum(alpha, 0.99)) * light[rows, columns]
        picture[rows, columns] += alpha[..., None] * colours[index]
        light[rows, columns] -= alpha
    return picture + ground * light[..., None]


def psnr(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Peak signal-to-noise ratio of pictures 0..1, in decibels."""
    return float(-10 * np.log10(np.mean((first - second) ** 2)))
