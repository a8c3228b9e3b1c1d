"""What is known of a photo's depth beside how it matches other photos: sparse points, and a trained field."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .cameras import project
from .field_depth import OPAQUE, DepthMap, trust
from .rendering import Camera
from .sweep import Planes, plane_coordinates

POINT_SAY, POINT_REACH = 1.0, 4.0
"""Cost of being `POINT_REACH` planes or more away from a sparse point, at its pixel."""
FIELD_SAY, FIELD_REACH = 0.06, 12.0
"""Cost of being `FIELD_REACH` planes or more away from the field's depth."""
FIELD_TRUST = 0.01
"""Trust in the field's depth beside what photos confirm."""


def completed(one: DepthMap, field: DepthMap | None) -> DepthMap:
    """A depth map with the field's depth, hardly trusted, where it has none."""
    if field is None:
        return one
    distance, alpha = resampled(field, one.camera)
    missing = (one.alpha < OPAQUE) & (alpha >= OPAQUE)
    say = FIELD_TRUST * trust(one.camera, distance, alpha)
    return DepthMap(
        one.camera,
        np.where(missing, distance, one.distance),
        np.where(missing, alpha, one.alpha),
        np.where(missing, say, one.trust),
    )


def prefer_points(cost: NDArray[np.float32], camera: Camera, planes: Planes, points: NDArray[np.float64]) -> None:
    """Make planes costlier the farther they are from a sparse point, at the point's pixel."""
    pixels, depth = project(camera, points)
    column, row = np.floor(pixels).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height) & (depth > 0)
    column, row, inverse = column[inside], row[inside], 1 / depth[inside]
    whole = np.zeros((camera.height, camera.width))
    whole[row, column] = inverse
    index = planes.index(camera, whole)[row, column]
    away = np.abs(np.arange(len(planes.offsets))[:, None] - index[None, :])
    cost[:, row, column] += (POINT_SAY * np.minimum(away / POINT_REACH, 1)).astype(np.float32)


def prefer_field(cost: NDArray[np.float32], camera: Camera, planes: Planes, field: DepthMap) -> None:
    """Make planes a little costlier the farther they are from the field's depth."""
    distance, alpha = resampled(field, camera)
    opaque = (alpha >= OPAQUE) & (distance > 0)
    index = planes.index(camera, ray_lengths(camera) / np.where(opaque, distance, 1))
    say = np.where(opaque, np.float32(FIELD_SAY), np.float32(0))
    for k in range(len(planes.offsets)):
        cost[k] += say * np.minimum(np.abs(index - k) / FIELD_REACH, 1).astype(np.float32)


def resampled(one: DepthMap, camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distance and alpha of a depth map for a camera at the same place; alpha is 0 outside of the map. [H, W] each"""
    u, v = plane_coordinates(camera)
    x = np.tile((u * one.camera.fx + one.camera.cx - 0.5).astype(np.float32), (camera.height, 1))
    y = np.tile((v * one.camera.fy + one.camera.cy - 0.5).astype(np.float32)[:, None], (1, camera.width))
    distance = cv2.remap(one.distance.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.remap(one.alpha.astype(np.float32), x, y, cv2.INTER_LINEAR)
    return np.asarray(distance, np.float32), np.asarray(alpha, np.float32)


def ray_lengths(camera: Camera) -> NDArray[np.float64]:
    """Distance along the ray for a z-depth of 1. [H, W]"""
    u, v = plane_coordinates(camera)
    return np.sqrt(1 + u[None, :] ** 2 + v[:, None] ** 2)
