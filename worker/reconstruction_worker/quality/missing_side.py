"""From which side photos are missing, where cameras go round something and leave out a part of the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..geometry.rendering import Camera
from ..geometry.subject import ring_of, widest_gap

FEWEST_CAMERAS: Final = 6
LEAST_DEGREES, MOST_DEGREES = 60.0, 180.0
"""A smaller gap is none; who leaves out half of the way or more has meant to show one side."""
SIDES: Final = ("the right", "behind", "the left", "the front")
"""At 0, 90, 180 and 270 degrees: the front of the world is at -y, and it is seen from there."""


def missing_side(cameras: Sequence[Camera]) -> str | None:
    """`the left` and how many degrees are left out there, in words; None where nothing is missing."""
    ring = ring_of(list(cameras)) if len(cameras) >= FEWEST_CAMERAS else ""
    if isinstance(ring, str):
        return None
    centres = np.array([camera.camera_to_world[:3, 3] for camera in cameras])
    degrees, middle = widest_gap(centres, ring.middle, np.array([0.0, 0, 1]))
    if not LEAST_DEGREES <= degrees <= MOST_DEGREES:
        return None
    side = SIDES[round(middle / 90) % 4]
    return f"{side}: the cameras leave out {degrees:.0f} degrees of the way round there"
