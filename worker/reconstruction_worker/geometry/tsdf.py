"""Fusion of depth maps into a truncated signed distance function on a voxel grid.

After B. Curless and M. Levoy, "A Volumetric Method for Building Complex Models from Range Images", SIGGRAPH 1996, with
distances along the ray and, for an object apart from its background, carving by the rays that see through.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..compiled import threaded
from .field_depth import OPAQUE, DepthMap
from .rendering import Camera

TRUNCATION_VOXELS = 4.0
CARVING_VIEWS, CARVING_SHARE = 2, 0.5
"""A voxel is empty when this many views see through it, and at least this share of as many as saw a surface there."""


@dataclass(frozen=True)
class Grid:
    """A box of cubic voxels; samples lie at `origin + index * voxel`."""

    origin: NDArray[np.float64]  # [3]
    voxel: float
    shape: tuple[int, int, int]

    @staticmethod
    def around(bounds: NDArray[np.float64], resolution: int) -> Grid:
        """A grid over `bounds` [2, 3] with `resolution` voxels along its longest side and a margin for the band."""
        voxel = float(np.ptp(bounds, axis=0).max()) / resolution
        margin = (TRUNCATION_VOXELS + 1) * voxel
        low, high = bounds[0] - margin, bounds[1] + margin
        nx, ny, nz = (math.ceil(side / voxel) + 1 for side in high - low)
        return Grid(low, voxel, (nx, ny, nz))

    @property
    def truncation(self) -> float:
        """Distance beyond which the function is cut off, in world units."""
        return TRUNCATION_VOXELS * self.voxel


@dataclass(frozen=True)
class Fused:
    """The signed distance in units of the truncation (positive outside) and how much was seen of each sample."""

    grid: Grid
    distance: NDArray[np.float32]  # [X, Y, Z] -1..1
    weight: NDArray[np.float32]  # [X, Y, Z]; 0 where no view has a say


def fuse(
    maps: Sequence[DepthMap],
    grid: Grid,
    carve: bool,
    near: float | None = None,
    wanted: NDArray[np.bool_] | None = None,
) -> Fused:
    """Weighted mean of what all views say. With `carve`, transparent rays say that all they cross is empty.

    Views count less with the square of the distance, from `near` on (`closest` of the maps unless given). Of samples
    that are not `wanted` [X, Y, Z] nothing is known afterwards; None wants all.
    """
    total = np.zeros(grid.shape, np.float32)
    weight = np.zeros(grid.shape, np.float32)
    emptied = np.zeros(grid.shape, np.uint8)
    voters = np.zeros(grid.shape, np.uint8)
    wanted = np.ones(grid.shape, np.bool_) if wanted is None else wanted
    near = closest(maps) if near is None else near
    for one in maps:
        _integrate(
            grid.shape[0],
            total,
            weight,
            emptied,
            voters,
            wanted,
            grid.origin,
            grid.voxel,
            grid.truncation,
            *camera_arrays(one.camera),
            one.distance,
            one.alpha,
            one.trust,
            near,
            carve,
        )
    distance = np.where(weight > 0, total / np.maximum(weight, 1e-12), np.float32(1))
    carved = (emptied >= min(CARVING_VIEWS, len(maps))) & (emptied >= CARVING_SHARE * voters)
    distance[carved] = 1
    weight[carved] = np.maximum(weight[carved], 1)
    return Fused(grid, distance, weight)


def closest(maps: Iterable[DepthMap]) -> float:
    """Distance of the nearest surface that depth maps show, without the nearest few pixels of each."""
    return min((_closest(one) for one in maps), default=1.0)


def camera_arrays(camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rotation world-to-camera [3, 3], position [3], and fx, fy, cx, cy [4], for compiled loops."""
    pose = camera.camera_to_world
    return (
        np.ascontiguousarray(pose[:3, :3].T),
        np.ascontiguousarray(pose[:3, 3]),
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
    )


def _closest(one: DepthMap) -> float:
    shown = one.distance[one.shown]
    return max(float(np.quantile(shown, 0.05)), 1e-6) if len(shown) else math.inf


@njit
def sample_distance(distance, alpha, x, y, gap):  # pragma: no cover - compiled
    """Bilinear distance at pixel coordinates; the nearest pixel's where the four are more than `gap` apart or not all
    opaque. Negative where the nearest pixel is not opaque."""
    height, width = distance.shape
    column, row = min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)
    if alpha[row, column] < OPAQUE:
        return -1.0
    nearest = distance[row, column]
    left, top = math.floor(x - 0.5), math.floor(y - 0.5)
    if left < 0 or top < 0 or left + 1 >= width or top + 1 >= height:
        return nearest
    a, b = distance[top, left], distance[top, left + 1]
    c, d = distance[top + 1, left], distance[top + 1, left + 1]
    opaque = min(alpha[top, left], alpha[top, left + 1], alpha[top + 1, left], alpha[top + 1, left + 1])
    if opaque < OPAQUE or max(a, b, c, d) - min(a, b, c, d) > gap:
        return nearest
    u, v = x - 0.5 - left, y - 0.5 - top
    return (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v


@threaded()
def _integrate(
    begin,
    end,
    total,
    weight,
    emptied,
    voters,
    wanted,
    origin,
    voxel,
    truncation,
    rotation,
    centre,
    lens,
    distance,
    alpha,
    trust,
    near,
    carve,
):  # pragma: no cover - compiled
    """Add one view to the sums. A surface counts with its trust, less with the square of the distance to the camera."""
    _, ny, nz = total.shape
    height, width = distance.shape
    for i in range(begin, end):
        px = origin[0] + i * voxel - centre[0]
        for j in range(ny):
            py = origin[1] + j * voxel - centre[1]
            for k in range(nz):
                if not wanted[i, j, k]:
                    continue
                pz = origin[2] + k * voxel - centre[2]
                depth = -(rotation[2, 0] * px + rotation[2, 1] * py + rotation[2, 2] * pz)
                if depth <= 1e-9:
                    continue
                x = (rotation[0, 0] * px + rotation[0, 1] * py + rotation[0, 2] * pz) / depth * lens[0] + lens[2]
                y = -(rotation[1, 0] * px + rotation[1, 1] * py + rotation[1, 2] * pz) / depth * lens[1] + lens[3]
                if x < 0 or y < 0 or x >= width or y >= height:
                    continue
                row, column = int(y), int(x)
                surface = sample_distance(distance, alpha, x, y, truncation)
                if surface < 0:
                    if carve:
                        emptied[i, j, k] = min(emptied[i, j, k] + 1, 255)
                    continue
                reach = math.sqrt(px * px + py * py + pz * pz)
                signed = surface - reach
                if signed < -truncation:
                    continue
                share = trust[row, column] * min((near / surface) ** 2, 1.0)
                total[i, j, k] += share * min(signed / truncation, 1.0)
                weight[i, j, k] += share
                voters[i, j, k] = min(voters[i, j, k] + 1, 255)
