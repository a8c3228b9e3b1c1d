"""UV atlas: how the surface is cut and laid out in a square picture, and which point of it each texel shows.

`uv` is (0, 0) in the picture's upper left corner, u to the right and v down, as in glTF. A large surface may take
several pictures, the pages, all of one size and as dense. They are thought of as one picture, below each other, whose
coordinates `uv` are, so that whatever looks colours up needs not know of them; no chart lies on two pages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..compiled import compiled, threaded
from .layout import laid_flat
from .mesh import Mesh, vertex_normals
from .packing import packed
from .regions import regions

GUTTER_TEXELS = 4
"""Space between charts, so that filtering and small mip levels do not mix them."""


@dataclass(frozen=True)
class Atlas:
    """The mesh with its vertices doubled along the seams."""

    mesh: Mesh
    normals: NDArray[np.float32]  # [V, 3] smooth across the seams
    uv: NDArray[np.float32]  # [V, 2]
    charts: int
    pages: int = 1


@dataclass(frozen=True)
class Texels:
    """The texels of a page that show the surface."""

    index: NDArray[np.int64]  # [T] into the flattened picture
    points: NDArray[np.float32]  # [T, 3]
    normals: NDArray[np.float32]  # [T, 3] unit


def unwrap(mesh: Mesh, size: int, pages: int = 1) -> Atlas:
    """Cut the surface into charts and pack them for at most so many `pages` of `size` x `size` texels, those that are
    near each other mostly on one. Faces keep their order."""
    normals = vertex_normals(mesh)
    flat = laid_flat(mesh, pages)
    group = regions(mesh, flat.chart, flat.charts, pages)
    placed = packed(flat.places, flat.faces, flat.chart, size, GUTTER_TEXELS, pages, group)
    uv = (placed.places / [size, size * placed.pages]).astype(np.float32)
    source = Mesh(mesh.vertices[flat.source], flat.faces.astype(np.int32))
    return Atlas(source, normals[flat.source].astype(np.float32), uv, flat.charts, placed.pages)


def page_of_faces(uv: NDArray[np.float32], faces: NDArray[np.int32], pages: int) -> NDArray[np.int64]:
    """The page that each face is on. [F]"""
    return np.clip((uv[faces, 1].mean(axis=1) * pages).astype(np.int64), 0, pages - 1)


def texels(atlas: Atlas, size: int, page: int = 0) -> Texels:
    """Every texel of a page whose centre lies on a chart, with the surface point and normal it shows."""
    owner = np.full((size, size), -1, np.int32)
    corners = (atlas.uv * np.array([size, size * atlas.pages], np.float32)).astype(np.float64)
    faces = atlas.mesh.faces
    if atlas.pages > 1:
        corners[:, 1] -= size * page
        faces = faces[page_of_faces(atlas.uv, faces, atlas.pages) == page]
    _rasterise(owner, corners, faces)
    index = np.flatnonzero(owner >= 0)
    points, normals = np.empty((len(index), 3), np.float32), np.empty((len(index), 3), np.float32)
    for found, values in ((points, atlas.mesh.vertices.astype(np.float32)), (normals, atlas.normals)):
        _interpolate(len(index), found, index, owner.ravel(), size, corners, faces, values)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return Texels(index, points, normals)


@njit
def _weights(corners, face, x, y):  # pragma: no cover - compiled
    """Barycentric coordinates of a texel's centre; the first is -1 for a triangle without area."""
    ax, ay = corners[face[0]]
    bx, by = corners[face[1]]
    cx, cy = corners[face[2]]
    double = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    if abs(double) < 1e-12:
        return -1.0, 0.0, 0.0
    v = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / double
    w = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / double
    return 1 - v - w, v, w


@compiled
def _rasterise(owner, corners, faces):  # pragma: no cover - compiled
    size = owner.shape[0]
    for f in range(len(faces)):
        a, b, c = faces[f]
        face = (a, b, c)
        left = max(int(min(corners[a, 0], corners[b, 0], corners[c, 0]) - 0.5), 0)
        right = min(int(max(corners[a, 0], corners[b, 0], corners[c, 0]) + 0.5), size - 1)
        top = max(int(min(corners[a, 1], corners[b, 1], corners[c, 1]) - 0.5), 0)
        bottom = min(int(max(corners[a, 1], corners[b, 1], corners[c, 1]) + 0.5), size - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                u, v, w = _weights(corners, face, column + 0.5, row + 0.5)
                if min(u, v, w) >= -1e-6:
                    owner[row, column] = f


@threaded()
def _interpolate(begin, end, found, index, owner, size, corners, faces, values):  # pragma: no cover - compiled
    """Vertex values at the texels' centres."""
    for t in range(begin, end):
        a, b, c = faces[owner[index[t]]]
        u, v, w = _weights(corners, (a, b, c), index[t] % size + 0.5, index[t] // size + 0.5)
        for k in range(values.shape[1]):
            found[t, k] = u * values[a, k] + v * values[b, k] + w * values[c, k]
