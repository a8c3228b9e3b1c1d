"""How well a photo matches its neighbours near a depth that is known roughly, for each pixel.

As `sweep`, with the costs of a few depths around each pixel's own only: what is near and what is far in one photo costs
no more than a plain wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..compiled import threaded
from .correlation import OUTSIDE, add_correlation, better_half
from .sweep import UNKNOWN, Grey, patches, plane_coordinates, relative_pose


@dataclass(frozen=True)
class Band:
    """Depths around each pixel's own: inverse z-depths `middle + k step`, for k from -reach to reach."""

    middle: NDArray[np.float32]  # [H, W]
    step: NDArray[np.float64] | float
    reach: int

    def inverse_depth(self, index: NDArray[np.floating]) -> NDArray[np.float64]:
        """Inverse z-depth at the (fractional) number of a depth, 0 being the farthest. [H, W]"""
        return self.middle + (index - self.reach) * self.step


def sweep_band(photo: Grey, neighbours: list[Grey], band: Band, windows: tuple[int, ...]) -> NDArray[np.float32]:
    """Cost 0..2 of each depth of the band at each pixel. [2 reach + 1, H, W]

    Patches lie along `band.middle`, shifted in depth: where that is smooth, slanted surfaces match as well as those
    that face the camera.
    """
    shape = photo.values.shape
    mine = [patches(photo.values, window, len(windows)) for window in windows]
    cost = np.empty((2 * band.reach + 1, *shape), np.float32)
    products, likeness = np.empty((*shape, 3), np.float32), np.empty((len(neighbours), *shape), np.float32)
    u, v = plane_coordinates(photo.camera)
    poses = [_projection(photo, other) for other in neighbours]
    for k in range(len(cost)):
        inverse = band.inverse_depth(np.full(shape, k)).astype(np.float32)
        for n, other in enumerate(neighbours):
            seen = (*poses[n], other.values, other.shown())
            _warp(shape[0], products, likeness[n], photo.values, inverse, u, v, *seen)
            for patch in mine:
                add_correlation(likeness[n], *patch[1:], cv2.blur(products, (patch.window, patch.window)))
        better_half(cost[k], likeness, UNKNOWN)
    return cost


def _projection(photo: Grey, other: Grey) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix [3, 3] and offset [3] that take (u, v, 1) and the inverse depth to another photo's pixels."""
    rotation, translation = relative_pose(photo.camera, other.camera)
    camera = other.camera
    lens = np.array([[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]])
    return lens @ rotation, lens @ translation


@threaded()
def _warp(
    begin, end, products, likeness, values, inverse, u, v, matrix, offset, theirs, shown
):  # pragma: no cover - compiled
    """Fill `products` [H, W, 3] with what patches' means are needed of, as `correlation.multiply` does, and `likeness`
    [H, W] with 0, or with `OUTSIDE` where the other photo shows nothing of the scene."""
    height, width = theirs.shape
    for row in range(begin, end):
        for column in range(values.shape[1]):
            near = inverse[row, column]
            x = matrix[0, 0] * u[column] + matrix[0, 1] * v[row] + matrix[0, 2] + offset[0] * near
            y = matrix[1, 0] * u[column] + matrix[1, 1] * v[row] + matrix[1, 2] + offset[1] * near
            w = matrix[2, 0] * u[column] + matrix[2, 1] * v[row] + matrix[2, 2] + offset[2] * near
            value = np.float32(0)
            inside = near > 1e-9 and w > 1e-9 and x >= 0 and y >= 0 and x < (width - 1) * w and y < (height - 1) * w
            if inside:
                x, y = x / w, y / w
                left, top = int(x), int(y)
                a, b = np.float32(x - left), np.float32(y - top)
                upper = theirs[top, left] * (1 - a) + theirs[top, left + 1] * a
                lower = theirs[top + 1, left] * (1 - a) + theirs[top + 1, left + 1] * a
                value = upper * (1 - b) + lower * b
                inside = shown[int(y + 0.5), int(x + 0.5)]
            likeness[row, column] = np.float32(0) if inside else OUTSIDE
            products[row, column, 0] = value
            products[row, column, 1] = value * value
            products[row, column, 2] = value * values[row, column]
