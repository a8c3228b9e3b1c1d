"""How blurred photos are, told from the photos alone: where all of them are, comparing with them tells nothing of it.

A step that a Gaussian of standard deviation b has blurred has, seen through another one of s pixels, the gradient
C / sqrt(2 pi (s^2 + b^2)). How much steeper it is in a fine look than in a coarse one therefore gives b (after
J. Elder and S. Zucker, "Local scale control for edge detection and blur estimation", PAMI 1998). The steepest edges of
each direction are looked at by themselves: a movement blurs only what it crosses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

FINE, COARSE = 1.0, 4.0
"""Standard deviations of the two looks, in pixels."""
EDGES: Final = 0.05
"""Share of the pixels with the steepest gradients in the coarse look, which are taken for edges."""
LEAST_GRADIENT: Final = 3.0
"""Of those, in 255ths a pixel: where they have less, there are no edges to tell by."""
DIRECTIONS: Final = 9
LEAST_SHARE: Final = 0.03
"""Of the edges, that a direction must have to be looked at."""
SHARPEST: Final = 0.95
"""Quantile of the edges by which they are told: most are of things that are not sharp themselves."""
SMALLEST: Final = 120
"""Pixels of the shorter side below which a picture has too few edges."""
BORDER: Final = 8
LEAST_SIDE: Final = 64
"""That `images.maxSidePixels` may be set to."""

SHARP: Final = 0.7
"""Blur of a photo that shows all that its pixels can, in pixels."""
BLURRED: Final = 2.5
"""Blur from which photos are too blurred for what is made of them: less than a third of the pixels a side would do."""
ENOUGH: Final = 24
"""Photos that are looked at, evenly taken."""


def blur_of(pictures: Iterable[NDArray[np.uint8]]) -> float | None:
    """Median of the blur of pictures [H, W, 3 or more], in pixels; None where none has edges to tell by."""
    found = [blur for picture in pictures if (blur := _blur(picture)) is not None]
    return round(median(found), 2) if found else None


def in_words(blur: float) -> str:
    """What is to be said of photos that are blurred."""
    return (
        f"the photos are blurred by {blur:.1f} pixels, which comparing with them does not show: with "
        f"1/{blur / SHARP:.0f} of the pixels a side they would show as much"
    )


def advice(blur: float, side: int) -> str:
    """What to do about it, where the photos' longer side has so many pixels."""
    fewer = max(round(side * SHARP / blur), LEAST_SIDE)
    return (
        "Take sharper photos: more light, a shorter exposure, focus on the object. Or set images.maxSidePixels to "
        f"{fewer}: these show no more."
    )


def _blur(picture: NDArray[np.uint8]) -> float | None:
    if min(picture.shape[:2]) < SMALLEST:
        return None
    grey = cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    (fine_x, fine_y), (x, y) = _gradients(grey, FINE), _gradients(grey, COARSE)
    steepness = np.hypot(x, y)
    least = float(np.quantile(steepness, 1 - EDGES))
    if least < LEAST_GRADIENT:
        return None
    edges = steepness >= least
    steeper = np.abs(fine_x * x + fine_y * y)[edges] / steepness[edges] ** 2
    direction = ((np.arctan2(y, x)[edges] % np.pi) * (DIRECTIONS / np.pi)).astype(int) % DIRECTIONS
    each = [steeper[direction == number] for number in range(DIRECTIONS)]
    return max(
        _deviation(float(np.quantile(some, SHARPEST))) for some in each if len(some) >= LEAST_SHARE * len(steeper)
    )


def _gradients(grey: NDArray[np.float32], deviation: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Along x and y, a pixel, seen through a Gaussian; without the border."""
    blurred = cv2.GaussianBlur(grey, (0, 0), deviation)
    inside = slice(BORDER, -BORDER), slice(BORDER, -BORDER)
    along_x, along_y = (cv2.Scharr(blurred, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    return np.asarray(along_x / 32, np.float32)[inside], np.asarray(along_y / 32, np.float32)[inside]


def _deviation(steeper: float) -> float:
    """The blur of an edge that is so many times as steep in the fine look, in pixels; at most ten times the coarse
    look's."""
    most = 10 * COARSE
    squared = (COARSE**2 - (steeper * FINE) ** 2) / max(steeper**2 - 1, 1e-6)
    return min(math.sqrt(max(squared, 0.0)), most)
