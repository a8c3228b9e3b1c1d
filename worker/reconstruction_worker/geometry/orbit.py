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
    pose = np.eye(4)
    pose[:3, :3] = upright(turn, elevation)
    pose[:3, 3] = centre + pose[:3, 2] * radius / np.sin(FIELD_OF_VIEW / 2)
    focal = side / 2 / np.tan(FIELD_OF_VIEW / 2)
    return Camera(pose, focal, focal, side / 2, side / 2, side, side)


def upright(turn: float, elevation: float) -> NDArray[np.float64]:
    """Right, up and backward [3, 3], as columns, of a camera without roll that looks at the middle; `turn` 0 looks from
    -y, angles in degrees, counter-clockwise from above."""
    yaw, pitch = np.radians(turn), np.radians(elevation)
    back = np.array([np.cos(pitch) * np.sin(yaw), -np.cos(pitch) * np.cos(yaw), np.sin(pitch)])
    right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    return np.stack([right, np.cross(back, right), back], axis=1)


def looking_at(position: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Camera-to-world [4, 4] of a camera without roll at a position [3] that looks at another point [3]. One that looks
    straight up or down has +y at its upper edge, or its lower one."""
    back = (position - target) / np.linalg.norm(position - target)
    right = np.cross([0.0, 0.0, 1.0], back)
    length = np.linalg.norm(right)
    right = right / length if length > 1e-9 else np.array([1.0, 0.0, 0.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(back, right), back], axis=1)
    pose[:3, 3] = position
    return pose
