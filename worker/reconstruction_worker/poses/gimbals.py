"""Up from how drones say that they held their cameras: a gimbal knows the vertical to a degree, whatever photos show.

Angles are DJI's: the camera is turned by yaw about the vertical, then by pitch, then by roll.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..ingest.dataset import DatasetImage, HeldCamera

FEWEST: Final = 3
"""Photos that have to tell."""
MIN_AGREEING: Final = 0.8
"""Share of them that have to agree."""
AGREEMENT_DEGREES: Final = 5.0
"""Angle between what one photo tells and what all do, up to which it agrees. Angles that are no longer true, of photos
that were turned, are farther off."""

Vector = NDArray[np.float64]


def up_from_gimbals(poses: Vector, photos: Sequence[DatasetImage]) -> Vector | None:
    """Unit vector that points up in the frame of the `poses` [N, 4, 4] (world from camera, axes as in OpenCV) of the
    photos; None where too few tell it, or they do not agree with the poses."""
    told = [
        pose[:3, :3] @ up_in_camera(photo.gimbal)
        for pose, photo in zip(poses, photos, strict=True)
        if photo.gimbal is not None and photo.orientation == 1 and photo.view is None
    ]
    if len(told) < FEWEST:
        return None
    ups = np.array(told)
    up = _unit(np.median(ups, axis=0))
    agreeing = ups @ up >= np.cos(np.radians(AGREEMENT_DEGREES))
    if agreeing.mean() < MIN_AGREEING:
        return None
    return _unit(ups[agreeing].mean(axis=0))


def up_in_camera(held: HeldCamera) -> Vector:
    """Unit vector, axes as in OpenCV: x right, y down, z forward."""
    pitch, roll = np.radians(held.pitch), np.radians(held.roll)
    return np.array([-np.cos(pitch) * np.sin(roll), -np.cos(pitch) * np.cos(roll), np.sin(pitch)])


def _unit(vector: Vector) -> Vector:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
