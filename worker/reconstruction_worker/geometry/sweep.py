"""Plane sweep: how well a photo matches its neighbours if the scene were this near or that far, for each pixel.

After R. Collins, "A space-sweep approach to true multi-image matching", CVPR 1996, with normalised cross-correlation.
The planes are not parallel to the picture but to the plane that the sparse points in it lie closest to, so that the
ground of an oblique photo matches as well as that of one taken straight down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .cameras import project
from .correlation import OUTSIDE, add_correlation, better_half, multiply, start
from .rendering import Camera

WINDOWS = (7, 21)
"""Sides of the compared patches, in pixels: small ones for accuracy, large ones to recognise foliage, whose leaves look
different from everywhere and whose crowns do not."""
CONTRAST = 2.5
"""Standard deviation of grey values (0..255) at which a patch says half of what a rich one says."""
STEP_PIXELS = 0.7
"""How far the neighbours' pixels move from one plane to the next."""
FEWEST_PLANES, MOST_PLANES = 16, 128
MARGIN, LEAST_MARGIN = 0.25, 0.12
"""What is added at both ends of the inverse depths of the sparse points, as a share of their range and of their median:
what is hard to recognise from elsewhere, like a tree, has no points and stands out."""
FIT_ROUNDS = 8
UNKNOWN = 1.0
"""Cost of what can't be compared: that of patches that have nothing to do with each other."""


@dataclass(frozen=True)
class Grey:
    """A photo to be compared: grey values and its camera, of the same size."""

    camera: Camera
    values: NDArray[np.float32]  # [H, W] 0..255
    mask: NDArray[np.bool_] | None = None  # [H, W]: what shows the scene; all where there is none

    def shown(self) -> NDArray[np.bool_]:
        """What of the photo shows the scene. [H, W]"""
        return np.ones(self.values.shape, np.bool_) if self.mask is None else self.mask


@dataclass(frozen=True)
class Planes:
    """A family of planes before a camera: the inverse z-depth at a pixel is a + b u + c v + `offsets[k]`, where u and v
    are the pixel's coordinates on the plane at distance 1, to the right and down."""

    slope: NDArray[np.float64]  # [3]: a, b, c
    offsets: NDArray[np.float64]  # [D], ascending: from far to near

    def inverse_depth(self, camera: Camera, index: NDArray[np.floating]) -> NDArray[np.float64]:
        """Inverse z-depth where each pixel lies on the plane with this (fractional) index. [H, W]"""
        u, v = plane_coordinates(camera)
        offset = self.offsets[0] + index * (self.offsets[1] - self.offsets[0])
        return self.slope[0] + self.slope[1] * u[None, :] + self.slope[2] * v[:, None] + offset

    def index(self, camera: Camera, inverse_depth: NDArray[np.floating]) -> NDArray[np.float64]:
        """The (fractional) plane at each pixel's inverse z-depth. [H, W]"""
        zero = self.inverse_depth(camera, np.zeros_like(inverse_depth))
        return (inverse_depth - zero) / (self.offsets[1] - self.offsets[0])


class Patches(NamedTuple):
    """The patches of a photo around each pixel: mean and standard deviation, and how much they say. [H, W] each"""

    window: int
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    share: NDArray[np.float32]


def plane_coordinates(camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """u [W] and v [H] of the pixels' centres on the plane at distance 1, to the right and down."""
    u = (np.arange(camera.width, dtype=np.float64) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(camera.height, dtype=np.float64) + 0.5 - camera.cy) / camera.fy
    return u, v


def planes_through(
    camera: Camera,
    points: NDArray[np.float64],
    neighbours: list[Camera],
    most: int = MOST_PLANES,
    widened: float = 1.0,
) -> Planes | None:
    """Planes that reach over the depths of `points` [N, 3], as dense as the neighbours' resolution asks for. Where that
    would be too many they are farther apart, up to `widened` times as far; None where that is not enough."""
    pixels, depth = project(camera, points)
    u, v = (pixels[:, 0] - camera.cx) / camera.fx, (pixels[:, 1] - camera.cy) / camera.fy
    inverse = 1 / depth
    slope = _main_plane(np.stack([np.ones_like(u), u, v], axis=1), inverse)
    off = inverse - slope[0] - slope[1] * u - slope[2] * v
    low, high = np.percentile(off, [0.5, 99.5])
    margin = MARGIN * (high - low) + LEAST_MARGIN * float(np.median(inverse))
    # On both sides of the points, but nowhere near infinity in the middle of the picture.
    low = max(low - margin, 0.1 * float(inverse.min()) - slope[0])
    high = high + margin
    shift = np.median([_shift(camera, other, float(np.median(depth))) for other in neighbours])
    count = math.ceil((high - low) * max(float(shift), 1e-9) / STEP_PIXELS) + 1
    return (
        Planes(slope, np.linspace(low, high, max(min(count, most), FEWEST_PLANES))) if count <= widened * most else None
    )


def sweep(
    photo: Grey, neighbours: list[Grey], planes: Planes, windows: tuple[int, ...] = WINDOWS
) -> NDArray[np.float32]:
    """Cost 0..2 of each plane at each pixel [D, H, W]: one minus the mean correlation with the better half of the
    neighbours (the others may not see the spot). What is plain, or outside of them, costs the same at all depths."""
    shape = photo.values.shape
    mine = [patches(photo.values, window, len(windows)) for window in windows]
    cost = np.empty((len(planes.offsets), *shape), np.float32)
    products, likeness = np.empty((*shape, 3), np.float32), np.empty((len(neighbours), *shape), np.float32)
    for k, offset in enumerate(planes.offsets):
        normal = planes.slope[[1, 2, 0]] + np.array([0, 0, offset])
        facing = _facing(photo.camera, normal)
        for n, other in enumerate(neighbours):
            homography = _homography(photo.camera, other.camera, normal)
            multiply(products, photo.values, _warped(other, photo.camera, homography))
            start(likeness[n], homography, facing, other.values.shape)
            if other.mask is not None:
                likeness[n][~_shown(other.mask, photo.camera, homography)] = OUTSIDE
            for patch in mine:
                add_correlation(likeness[n], *patch[1:], cv2.blur(products, (patch.window, patch.window)))
        better_half(cost[k], likeness, UNKNOWN)
    return cost


def relative_pose(camera: Camera, other: Camera) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation [3, 3] and translation [3] from a camera's frame to another's, axes right, down, forward."""
    flip = np.diag([1.0, -1.0, -1.0])
    mine, theirs = camera.camera_to_world, other.camera_to_world
    rotation = flip @ theirs[:3, :3].T @ mine[:3, :3] @ flip
    return rotation, flip @ theirs[:3, :3].T @ (mine[:3, 3] - theirs[:3, 3])


def _main_plane(design: NDArray[np.float64], inverse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients [3] of the plane that most of the points are close to: least squares with ever less say for those
    that are far from it. Slopes are held back where the points leave them open."""
    weight = np.ones(len(inverse))
    ridge = np.diag([0.0, 1.0, 1.0]) * 1e-3 * len(inverse)
    slope: NDArray[np.float64] = np.zeros(3)
    for _ in range(FIT_ROUNDS):
        left = design.T @ (weight[:, None] * design) + ridge + 1e-12 * np.eye(3)
        slope = np.asarray(np.linalg.solve(left, design.T @ (weight * inverse)), np.float64)
        off = np.abs(inverse - design @ slope)
        weight = 1 / (1 + (off / max(2 * float(np.median(off)), 1e-9)) ** 2)
    return slope


def _shift(camera: Camera, other: Camera, depth: float) -> float:
    """How many pixels a point at `depth` before the camera moves in another photo for a unit of inverse depth."""
    _, translation = relative_pose(camera, other)
    forward = 1 + translation[2] / depth
    return float(np.linalg.norm(translation)) * other.fx / max(forward, 0.3)


def _homography(camera: Camera, other: Camera, normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """From a camera's pixels to another's if the scene were the plane normal . X = 1. [3, 3]"""
    rotation, translation = relative_pose(camera, other)
    return _lens(other) @ (rotation + np.outer(translation, normal)) @ np.linalg.inv(_lens(camera))


def _facing(camera: Camera, normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of column, row and 1 in the inverse z-depth of the plane at a pixel. [3]"""
    return normal @ np.linalg.inv(_lens(camera))


def _warped(other: Grey, camera: Camera, homography: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a camera would see of another photo if the homography held everywhere. [H, W]"""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (camera.width, camera.height)
    return np.asarray(cv2.warpPerspective(other.values, homography, size, flags=flags), np.float32)


def _shown(mask: NDArray[np.bool_], camera: Camera, homography: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a camera would see what another photo shows of the scene. [H, W]"""
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(mask.astype(np.uint8), homography, (camera.width, camera.height), flags=flags) > 0


def _lens(camera: Camera) -> NDArray[np.float64]:
    """Camera matrix for OpenCV's pixels, whose centres are at whole numbers. [3, 3]"""
    return np.array([[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]])


def patches(values: NDArray[np.float32], window: int, kinds: int) -> Patches:
    """Patches with a side of `window` pixels, of which there are so many `kinds`."""
    mean = np.asarray(cv2.blur(values, (window, window)), np.float32)
    square = cv2.blur(values * values, (window, window))
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    share = deviation**2 / (deviation**2 + CONTRAST**2) / kinds
    return Patches(window, mean, deviation, share.astype(np.float32))
