"""Models at the edge of what formats can hold: flat, one triangle, many vertices, tiny, far away, degenerate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reconstruction_worker.exporters.textured_model import Model

Grid = tuple[NDArray[np.float64], NDArray[np.int64]]


def grid(size: int, scale: float = 1.0, offset: ArrayLike = (0, 0, 0), bump: float = 0.1) -> Grid:
    """Vertices and faces of a wavy square of `size` x `size` vertices."""
    x, y = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size))
    z = bump * np.sin(7 * x) * np.cos(5 * y)
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3) * scale + np.asarray(offset)
    first = (np.arange(size - 1)[:, None] * size + np.arange(size - 1)).ravel()
    lower = np.stack([first, first + 1, first + size + 1], axis=1)
    return vertices, np.concatenate([lower, np.stack([first, first + size + 1, first + size], axis=1)])


def with_slivers(distance: float) -> Grid:
    """A grid of which some edges were split by a point near their end, as decimation and hole filling leave it."""
    vertices, faces = grid(12)
    points, triangles = [*vertices], [tuple(face) for face in faces.tolist()]
    for index in range(0, 60, 6):
        a, b, c = triangles[index]
        along = points[b] - points[a]
        points.append(points[a] + distance * along / np.linalg.norm(along))
        middle = len(points) - 1
        triangles[index] = (middle, b, c)
        triangles.append((a, middle, c))
    return np.array(points), np.array(triangles)


def with_degenerate_triangles() -> Grid:
    vertices, faces = grid(10)
    return vertices, np.concatenate([faces, [[0, 0, 1], [5, 5, 5]]])


def textured(vertices: ArrayLike, faces: ArrayLike) -> Model:
    """A model of them, with the texture from above."""
    points, triangles = np.asarray(vertices, np.float32), np.asarray(faces, np.int32)
    corners = points[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], across)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    upright = np.array([0, 0, 1], np.float32)
    normals = np.where(length > 0, normals / np.maximum(length, 1e-30), upright).astype(np.float32)
    flat = points[:, :2]
    uv = ((flat - flat.min(axis=0)) / np.maximum(np.ptp(flat, axis=0), 1e-9)).astype(np.float32)
    colours = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    return Model(points, normals, triangles, uv, np.kron(colours, np.ones((8, 8, 1), np.uint8)), metric=True)


EDGE_MODELS: Mapping[str, Model] = {
    "flat": textured(*grid(20, bump=0)),
    "one triangle": textured([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]),
    "65,536 vertices": textured(*grid(256)),
    "0.2 mm": textured(*grid(20, 2e-4)),
    "1 km away": textured(*grid(20, 1, (1000, 0, 2000))),
    "degenerate triangles": textured(*with_degenerate_triangles()),
    "slivers 1e-4": textured(*with_slivers(1e-4)),
    "slivers 1e-5": textured(*with_slivers(1e-5)),
    "slivers 1e-6": textured(*with_slivers(1e-6)),
}
