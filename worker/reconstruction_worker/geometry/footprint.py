"""How many pixels of the photos a surface has: as many texels show all that the photos know of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .layout import FILLED
from .mesh import Mesh, face_cross
from .scene import View
from .visibility import Visibility, candidates

SAMPLES: Final = 20_000
"""Points of the surface that are looked at."""


def photo_pixels(
    mesh: Mesh, seen: Iterable[Visibility], views: Sequence[View], larger: Mapping[str, float] | None = None
) -> float:
    """Pixels on the surface, each part of it counted in the photo that shows it best. `larger` has for photos, by the
    views' names, how many times as many pixels along a side there are as their cameras have."""
    points, normals = _spread(mesh)
    best = candidates(points, normals, seen, float(np.ptp(mesh.bounds(), axis=0).max())).best()
    pixels = np.zeros(len(points))
    for number, view in enumerate(views):
        shown = best == number
        away = view.camera.camera_to_world[:3, 3] - points[shown]
        reach = np.linalg.norm(away, axis=1)
        cosine = (away * normals[shown]).sum(axis=1) / reach
        side = (larger or {}).get(view.name, 1.0)
        pixels[shown] = side**2 * view.camera.fx * view.camera.fy * np.abs(cosine) / reach**2
    return float(pixels.mean()) * mesh.area()


def pages_for(pixels: float, size: int, most: int) -> int:
    """Pages of `size` x `size` texels, of which charts fill their usual share, for as many texels as pixels."""
    return max(1, min(most, math.ceil(pixels / (FILLED * size**2))))


def _spread(mesh: Mesh) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points evenly spread over the surface, the same each time, with unit normals. [N, 3] each"""
    cross = face_cross(mesh)
    double = np.linalg.norm(cross, axis=1)
    upto = np.cumsum(double)
    face = np.searchsorted(upto, (np.arange(SAMPLES) + 0.5) / SAMPLES * upto[-1]).clip(0, len(double) - 1)
    u, v = np.random.default_rng(0).random((2, SAMPLES, 1))
    outside = u + v > 1
    u, v = np.where(outside, 1 - u, u), np.where(outside, 1 - v, v)
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces[face]], 1, 0)
    normals = cross[face] / np.maximum(double[face], 1e-30)[:, None]
    return (a + u * (b - a) + v * (c - a)).astype(np.float32), normals.astype(np.float32)
