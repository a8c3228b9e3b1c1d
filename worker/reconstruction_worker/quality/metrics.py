"""PSNR and SSIM of two pictures, by their published definitions.

Pictures are [H, W, 3], 0..1 (sRGB values as stored, not linear light). A picture with alpha is first put over white,
the convention of the Blender scenes of Mildenhall et al. 2020. This counts the background, which is easy to get right,
so numbers compare only between pictures in which the object fills a like share.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
HIGHEST_PSNR = 100.0
"""That of equal pictures, as where a view does not show the object: means, and JSON, take no infinity."""


def over_white(rgb: NDArray[np.floating], alpha: NDArray[np.floating]) -> Picture:
    """`rgb` [H, W, 3], not premultiplied, seen through `alpha` [H, W] in front of white."""
    opacity = alpha[..., None].astype(np.float64)
    return rgb * opacity + (1 - opacity)


def photo_over_white(pixels: NDArray[np.uint8]) -> Picture:
    """A stored photo, [H, W, 3] or [H, W, 4]."""
    values = pixels.astype(np.float64) / 255
    return over_white(values[..., :3], values[..., 3]) if values.shape[2] == 4 else values


def psnr(picture: Picture, reference: Picture) -> float:
    """Peak signal-to-noise ratio in decibels."""
    return decibels(float(np.mean((picture - reference) ** 2)))


def decibels(mean_square_error: float) -> float:
    """The PSNR that belongs to an error: -10 log10 of it, at most `HIGHEST_PSNR`."""
    return -10 * math.log10(max(mean_square_error, 10 ** (-HIGHEST_PSNR / 10)))


def ssim(picture: Picture, reference: Picture) -> float:
    """Mean structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004, equation 13): Gaussian window of 11x11 pixels
    with standard deviation 1.5, K1 = 0.01, K2 = 0.03, windows inside the picture only, mean over the three channels.
    Raises ValueError when the picture is smaller than the window."""
    return float(np.mean(ssim_map(picture, reference)))


def ssim_map(picture: Picture, reference: Picture) -> Picture:
    """Structural similarity of each window that lies inside the picture, by channel. [H - 10, W - 10, 3]"""
    if min(picture.shape[:2]) < WINDOW:
        raise ValueError(f"SSIM needs pictures of at least {WINDOW}x{WINDOW} pixels")
    one_by_one = (_ssim(picture[..., channel], reference[..., channel]) for channel in range(picture.shape[-1]))
    return np.stack(list(one_by_one), axis=-1)


def _ssim(picture: Picture, reference: Picture) -> Picture:
    """Of one channel [H, W], for each window: a third of the memory that all take at once."""
    c1, c2 = K1**2, K2**2
    mean_x, mean_y = _blur(picture), _blur(reference)
    variance_x = _blur(picture**2) - mean_x**2
    variance_y = _blur(reference**2) - mean_y**2
    covariance = _blur(picture * reference) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return luminance * structure


def _blur(picture: Picture) -> Picture:
    """Weighted mean in each window that lies inside the picture."""
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    margin = WINDOW // 2
    blurred = np.asarray(cv2.sepFilter2D(picture, cv2.CV_64F, kernel, kernel), np.float64)
    return blurred[margin:-margin, margin:-margin]
