"""Cameras for pictures of the result from sides that no photo shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .rendering import Camera

FIELD_OF_VIEW = np.radians(30)


def orbit_camera(points: NDArray[np.float64], turn: float, elevation: float, side: int) -> Camera:
    """A square camera of `side` pixels that sees all points [N, 3]; `turn` 0 looks from -y, angles in degrees."""
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    yaw, pitch = np.radians(turn), np.radians(elevation)
    back = np.array([np.cos(pitch) * np.sin(yaw), -np.cos(pitch) * np.cos(yaw), np.sin(pitch)])
    right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    pose = np.eye(4)
    pose[:3] = np.stack(
        [right, np.cross(back, right), back, centre + back * radius / np.sin(FIELD_OF_VIEW / 2)], axis=1
    )
    focal = side / 2 / np.tan(FIELD_OF_VIEW / 2)
    return Camera(pose, focal, focal, side / 2, side / 2, side, side)
