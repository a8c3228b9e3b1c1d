"""How many photos show a place of the scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...geometry.cameras import project
from ...geometry.rendering import Camera
from ..training.posed_photos import Scene

SMALL = 10
"""Photos of a place up to which their overlap is small. At the median 6 of 18 show one of a beach seen from the air, 16
of 29 one of a street, 20 of 23 one of a tree that they surround."""


def overlap_is_small(scene: Scene) -> bool:
    """Whether so few photos show a place that training longer learns them by heart; False where no points tell."""
    return len(scene.points) > 0 and photos_of_a_place([photo.camera for photo in scene.photos], scene.points) <= SMALL


def photos_of_a_place(cameras: Sequence[Camera], points: NDArray[np.float64]) -> float:
    """In how many pictures a point lies, at the median over the points [P, 3]; what hides them is not considered."""
    seen = np.zeros(len(points))
    for camera in cameras:
        pixels, depth = project(camera, points)
        inside = (pixels >= 0).all(axis=1) & (pixels < (camera.width, camera.height)).all(axis=1)
        seen += inside & (depth > 0)
    return float(np.median(seen))
