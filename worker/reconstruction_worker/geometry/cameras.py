"""Geometry of a pinhole camera: rays through pixels and pixels of points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .rendering import Camera


def pixel_rays(camera: Camera) -> NDArray[np.float64]:
    """Unit direction in the world through the centre of each pixel. [H, W, 3]"""
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    local = np.empty((camera.height, camera.width, 3))
    local[..., 0] = x[None, :]
    local[..., 1] = -y[:, None]
    local[..., 2] = -1.0
    directions = local @ camera.camera_to_world[:3, :3].T
    return directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def project(camera: Camera, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixel coordinates [N, 2] (a pixel's centre is at .5) and z-depth [N] (negative behind the camera) of points."""
    local = (points - camera.camera_to_world[:3, 3]) @ camera.camera_to_world[:3, :3]
    depth = -local[:, 2]
    safe = np.where(np.abs(depth) < 1e-12, 1e-12, depth)
    x = local[:, 0] / safe * camera.fx + camera.cx
    y = -local[:, 1] / safe * camera.fy + camera.cy
    return np.stack([x, y], axis=1), depth


def cropped(camera: Camera, left: int, top: int, right: int, bottom: int) -> Camera:
    """The part of a view with columns left..right-1 and rows top..bottom-1."""
    return Camera(
        camera.camera_to_world,
        camera.fx,
        camera.fy,
        camera.cx - left,
        camera.cy - top,
        right - left,
        bottom - top,
    )


def box_window(camera: Camera, box: NDArray[np.float64]) -> tuple[int, int, int, int] | None:
    """Pixels (left, top, right, bottom) in which a box can be seen; None when it is out of sight. `box` is [2, 3]."""
    corners = np.array([[box[i, 0], box[j, 1], box[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    pixels, depth = project(camera, corners)
    if (depth <= 1e-6).all():
        return None
    if (depth <= 1e-6).any():
        return 0, 0, camera.width, camera.height
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), camera.width), min(int(high[1]), camera.height)
    return (left, top, right, bottom) if right > left and bottom > top else None
