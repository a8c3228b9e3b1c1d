"""Three closed objects, each in a cube of half a metre around the origin, z up: zero levels of distance functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from reconstruction_worker.geometry.mesh import Mesh

from ..worker_quality.synthetic import clouds

Array = NDArray[np.float64]
Distance = Callable[[Array], Array]
"""Signed distance, roughly, of points [..., 3]: negative inside."""
HALF_SIDE = 0.28
SAMPLES = 160
"""Along each side of the cube in which the zero level is looked for."""


@dataclass(frozen=True)
class KnownObject:
    """A shape, painted with a solid texture."""

    name: str
    distance: Distance

    @cached_property
    def mesh(self) -> Mesh:
        line = np.linspace(-HALF_SIDE, HALF_SIDE, SAMPLES)
        values = self.distance(np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1))
        vertices, faces, *_ = marching_cubes(values, 0.0, gradient_direction="descent")
        return Mesh(vertices.astype(np.float64) * (line[1] - line[0]) - HALF_SIDE, faces.astype(np.int32))

    def colours(self, points: Array) -> Array:
        """[..., 3] in 0..1 of places on the surface [..., 3]."""
        shifted = points + 3.0
        grey = 0.3 + 0.4 * clouds(shifted, 16, 1) + 0.25 * clouds(shifted, 60, 2)
        tint = np.stack([clouds(shifted, 6, seed) for seed in (3, 4, 5)], axis=-1)
        return (grey[..., None] * (0.45 + 0.9 * tint)).clip(0, 1)


def _ball(points: Array, centre: Sequence[float], radii: Sequence[float]) -> Array:
    """An ellipsoid."""
    return (np.linalg.norm((points - centre) / radii, axis=-1) - 1) * min(radii)


def _box(points: Array, centre: Sequence[float], half: Sequence[float], rounding: float = 0.008) -> Array:
    beyond = np.abs(points - centre) - np.array(half) + rounding
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=-1)
    return outside + np.minimum(beyond.max(axis=-1), 0) - rounding


def _bar(points: Array, start: Sequence[float], end: Sequence[float], radius: float) -> Array:
    """A round bar with round ends."""
    first, along = np.array(start), np.array(end) - start
    share = (((points - first) @ along) / (along @ along)).clip(0, 1)
    return np.linalg.norm(points - first - share[..., None] * along, axis=-1) - radius


def _ring(points: Array, centre: Sequence[float], radius: float, thickness: float) -> Array:
    """A torus around the y axis."""
    x, y, z = np.moveaxis(points - centre, -1, 0)
    return np.hypot(np.hypot(x, z) - radius, y) - thickness


def _pebble(points: Array) -> Array:
    """Convex but for shallow bumps."""
    x, y, z = np.moveaxis(points, -1, 0)
    bumps = 0.007 * np.sin(23 * x + 1) * np.sin(19 * y) * np.sin(27 * z + 2)
    return _ball(points, (0, 0, 0), (0.22, 0.18, 0.2)) + bumps


def _cup(points: Array) -> Array:
    """Hollow, with thin walls and a thin handle."""
    x, y, z = np.moveaxis(points, -1, 0)
    wall = (np.hypot(x + 0.04, y) - 0.105 - 0.35 * z) / math.hypot(1, 0.35)
    outer, hollow = np.maximum(wall, np.abs(z) - 0.13), np.maximum(wall + 0.014, -0.11 - z)
    handle = np.maximum(_ring(points, (0.085, 0, 0.0), 0.07, 0.014), -outer - 0.005)
    return np.minimum(np.maximum(outer, -hollow), handle)


def _stool(points: Array) -> Array:
    """A seat on four legs with rungs, and a box and a ball on it: flat faces, edges, gaps."""
    parts = [
        _box(points, (0, 0, 0.03), (0.16, 0.14, 0.02)),
        _box(points, (-0.06, 0.03, 0.09), (0.06, 0.05, 0.05)),
        _ball(points, (0.08, -0.03, 0.1), (0.055, 0.055, 0.06)),
    ]
    for x, y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        parts.append(_bar(points, (0.12 * x, 0.1 * y, 0.03), (0.14 * x, 0.12 * y, -0.22), 0.018))
    for y in (-1, 1):
        parts.append(_bar(points, (-0.132, 0.112 * y, -0.12), (0.132, 0.112 * y, -0.12), 0.013))
    return np.minimum.reduce(parts)


OBJECTS = (KnownObject("pebble", _pebble), KnownObject("cup", _cup), KnownObject("stool", _stool))
