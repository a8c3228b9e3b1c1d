"""Where a photo shows the sky: nothing is there, whatever a trained field has put in its place."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .cameras import pixel_rays
from .rendering import Camera

FLAT: Final = 4.0
"""Standard deviation of grey values (0..255) in a small window below which a spot is flat."""
WINDOW: Final = 7
BRIGHT: Final = 100
"""Value (0..255) of the brightest channel from which it may be sky by day: a deep blue one is dark in red and green."""
WARM: Final = 6
"""The red may exceed the blue by so much: sky is blue or grey, walls and ceilings are warm."""
LEAST: Final = 0.01
"""Share of the photo below which it is not looked at."""
MOST_CONFIRMED: Final = 0.05
"""Share whose depth other photos may confirm."""


def sky(photo: NDArray[np.uint8], camera: Camera, confirmed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What of a photo is sky. [H, W]

    `photo` [H, W, 3] is what `camera` shows of it, `confirmed` [H, W] where other photos confirm a depth. Sky is
    bright, blue or grey, flat, joined to the photo's upper border, above the horizon (the world's z is up), and at no
    depth; so is what it surrounds.
    """
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.blur(grey, (WINDOW, WINDOW))
    spread = np.sqrt(np.maximum(cv2.blur(grey * grey, (WINDOW, WINDOW)) - mean * mean, 0))
    cool = photo[..., 0].astype(np.int16) - photo[..., 2] <= WARM
    upwards = pixel_rays(camera)[..., 2] > 0
    light = photo.max(axis=-1) >= BRIGHT
    count, labels = cv2.connectedComponents(((spread < FLAT) & light & cool & upwards).astype(np.uint8))
    found = np.zeros(photo.shape[:2], np.bool_)
    for label in np.unique(labels[0]):
        part = labels == label
        if 0 < label < count and part.mean() >= LEAST and confirmed[part].mean() <= MOST_CONFIRMED:
            found |= part
    found |= _within(found)
    return np.asarray(cv2.dilate(found.astype(np.uint8), np.ones((WINDOW, WINDOW), np.uint8)) > 0) & ~confirmed


def _within(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What sky and the upper border surround: clouds. [H, W]"""
    _, labels = cv2.connectedComponents((~found).astype(np.uint8))
    others = np.unique(np.concatenate([labels[1:, 0], labels[1:, -1], labels[-1]]))
    return ~np.isin(labels, others) & ~found
