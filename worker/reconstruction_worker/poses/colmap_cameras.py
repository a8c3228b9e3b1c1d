"""Projection through COLMAP's cameras, for many points at once."""

from __future__ import annotations

from typing import cast

import numpy as np
import pycolmap
from numpy.typing import NDArray


def project(camera: pycolmap.Camera, local: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels [N, 2] of points [N, 3] in camera axes (OpenCV); NaN behind the camera. The corner of the upper left pixel
    is the origin."""
    pixels = np.full((len(local), 2), np.nan)
    front = local[:, 2] > 1e-9
    if front.any():
        pixels[front] = cast("NDArray[np.float64]", camera.img_from_cam(local[front]))
    return pixels


def rays(camera: pycolmap.Camera, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the rays through pixels [N, 2] cross the plane z = 1, as [N, 2] in camera axes."""
    return cast("NDArray[np.float64]", camera.cam_from_img(pixels))
