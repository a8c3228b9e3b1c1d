"""Masks of objects in front of a plain background: a turntable before black cloth, a product on white.

What has the colour of the photo's border, and hangs together with it, is background. The rest is the object where it is
of a sensible size. Nothing is learnt: a photo whose border has more than one colour gets no mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

BORDER: Final = 0.02
"""Width of the border, as a share of the photo's shorter side."""
PLAIN_SHARE: Final = 0.85
"""Share of the border that must have one colour: objects reach over it here and there."""
CLOSE: Final = 12.0
"""Difference of colour (CIE76, Lab) up to which a colour is the border's."""
MOST_NOISE: Final = 3.0
"""The border's median difference from its own colour above which it is not plain."""
NOISE_FACTOR: Final = 4.0
"""The object differs from the background by more than so many times the border's own median difference."""
LEAST_DIFFERENCE: Final = 8.0
"""And by at least so much."""
SMALLEST, LARGEST = 0.005, 0.85
"""Share of the photo that an object may have."""
PART: Final = 0.1
"""Parts of the object have at least this share of the largest part's area; what is smaller is dust."""
CLOSING: Final = 0.008
"""Gaps of this share of the photo's longer side are closed: shadows on the object have the colour of black cloth."""
MOST_PHOTOS: Final = 0.8
"""Share of a set's photos that must have a plain background for all to count as photos of an object before one."""


@dataclass(frozen=True)
class Backdrop:
    """The colour of a photo's border."""

    colour: NDArray[np.float32]  # [3] Lab
    noise: float
    """Median difference of the border's pixels from it."""
    share: float
    """Share of the border that has it."""

    @property
    def plain(self) -> bool:
        """Whether the border has one colour."""
        return self.share >= PLAIN_SHARE and self.noise <= MOST_NOISE

    @staticmethod
    def of(picture: NDArray[np.uint8]) -> Backdrop:
        """Of a photo [H, W, 3], sRGB."""
        width = max(round(BORDER * min(picture.shape[:2])), 1)
        strips = (picture[:width], picture[-width:], picture[:, :width], picture[:, -width:])
        border = np.concatenate([_lab(strip).reshape(-1, 3) for strip in strips])
        colour = np.median(border, axis=0)
        away = np.linalg.norm(border - colour, axis=1)
        close = away <= CLOSE
        return Backdrop(colour.astype(np.float32), float(np.median(away)), float(close.mean()))


def are_objects(backdrops: Sequence[Backdrop]) -> bool:
    """Whether a set of photos shows an object before a plain background."""
    return len(backdrops) > 0 and sum(one.plain for one in backdrops) >= MOST_PHOTOS * len(backdrops)


def object_mask(picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Coverage [H, W] by the object, 0 or 255, of a photo [H, W, 3] in sRGB; None where its border is not plain, or
    what is before it is nothing or nearly all."""
    backdrop = Backdrop.of(picture)
    if not backdrop.plain:
        return None
    away = np.linalg.norm(_lab(picture) - backdrop.colour, axis=2)
    like = (away <= max(NOISE_FACTOR * backdrop.noise, LEAST_DIFFERENCE)).astype(np.uint8)
    size = 2 * round(CLOSING * max(like.shape)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    # The object closed, in a frame so that what touches the border of the photo is not taken for a gap.
    thing = cv2.morphologyEx(np.pad(1 - like, size), cv2.MORPH_CLOSE, kernel)[size:-size, size:-size]
    found = _main_parts(_filled(np.asarray(thing, np.uint8)))
    return found * np.uint8(255) if SMALLEST <= float(found.mean()) <= LARGEST else None


def _filled(thing: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without holes: background hangs together with the border."""
    count, found = cv2.connectedComponents(1 - thing, connectivity=4)
    labels = np.asarray(found, np.int32)
    outside = np.zeros(count, np.bool_)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[edge] = True
    outside[0] = False  # the object itself
    return (~outside[labels]).astype(np.uint8)


def _main_parts(thing: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, found, stats, _ = cv2.connectedComponentsWithStats(thing, connectivity=8)
    labels = np.asarray(found, np.int32)
    if count < 2:
        return np.zeros_like(thing)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return (areas >= PART * areas.max())[labels].astype(np.uint8) * thing


def _lab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIE L*a*b*, L in 0..100. [..., 3]"""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
