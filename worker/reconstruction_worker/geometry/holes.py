"""Holes in a mesh: finding and closing them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array, diags_array
from scipy.sparse.linalg import splu

from .mesh import Mesh, boundary_edges

INNERMOST = 8
"""Vertices of a ring, at most, that is closed by a vertex in its middle."""
EVENING_ROUNDS = 50
"""Of the border that is measured: it follows pixels and voxels, and is up to three times as long as the hole is
around."""


def without_holes(mesh: Mesh, perimeter: float) -> tuple[Mesh, int]:
    """The mesh with holes of at most this perimeter, measured along an evened border, closed, and how many there were.

    A hole is closed by rings of ever fewer vertices towards its centre, which are relaxed to a soap film.
    """
    vertices, faces, filled = [mesh.vertices], [mesh.faces], 0
    count = len(mesh.vertices)
    for loop in border_loops(mesh):
        points = mesh.vertices[loop]
        if _perimeter(_evened(points)) > perimeter:
            continue
        film = _film(points)
        numbers = np.concatenate([loop, count + np.arange(len(film.vertices), dtype=np.int32)])
        vertices.append(film.vertices)
        faces.append(numbers[film.faces])
        count += len(film.vertices)
        filled += 1
    return Mesh(np.concatenate(vertices), np.concatenate(faces)), filled


def _perimeter(loop: NDArray[np.float64]) -> float:
    """Length of a closed chain [N, 3]."""
    return float(np.linalg.norm(loop - np.roll(loop, -1, axis=0), axis=1).sum())


def _evened(loop: NDArray[np.float64]) -> NDArray[np.float64]:
    """A closed chain [N, 3] without what goes to and fro within a few of its vertices."""
    for _ in range(min(EVENING_ROUNDS, len(loop) // 4)):
        loop = (np.roll(loop, 1, axis=0) + 2 * loop + np.roll(loop, -1, axis=0)) / 4
    return loop


def border_loops(mesh: Mesh) -> list[NDArray[np.int32]]:
    """Closed chains of border vertices in the faces' direction; chains through a vertex that several borders share are
    left out."""
    edges = boundary_edges(mesh)
    starts, counts = np.unique(edges[:, 0], return_counts=True)
    branching = set(starts[counts > 1].tolist())
    following = {int(a): int(b) for a, b in edges if int(a) not in branching}
    loops = []
    while following:
        start, vertex = following.popitem()
        chain = [start]
        while vertex in following and vertex != start:
            chain.append(vertex)
            vertex = following.pop(vertex)
        if vertex == start and len(chain) >= 3:
            loops.append(np.array(chain, np.int32))
    return loops


@dataclass(frozen=True)
class _Film:
    """A hole's inner vertices [I, 3], and its triangles [F, 3]: N vertices of the border first, then the inner ones."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


def _film(border: NDArray[np.float64]) -> _Film:
    """A soap film over a border [N, 3]: each vertex within is in the middle of its neighbours."""
    size = len(border)
    faces, ring, count = list[NDArray[np.int64]](), np.arange(size), size
    while len(ring) > INNERMOST:
        inner = count + np.arange(-(-len(ring) // 2))
        faces.append(_strip(ring, inner))
        ring, count = inner, count + len(inner)
    faces.append(np.stack([np.roll(ring, -1), ring, np.full(len(ring), count)], axis=1))
    triangles = np.concatenate(faces)
    return _Film(_relaxed(border, triangles, count + 1 - size), triangles)


def _strip(outer: NDArray[np.int64], inner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles between a ring and the next one, which has a vertex for each pair of its own. [F, 3]"""
    first, after = outer[::2], np.roll(outer[::2], -1)
    middle = outer[1::2]
    paired = len(middle)
    faces = [
        np.stack([middle, first[:paired], inner[:paired]], axis=1),
        np.stack([middle, inner[:paired], np.roll(inner, -1)[:paired]], axis=1),
        np.stack([after[:paired], middle, np.roll(inner, -1)[:paired]], axis=1),
    ]
    if paired < len(first):  # the last one is alone
        faces.append(np.array([[after[-1], first[-1], inner[-1]], [after[-1], inner[-1], inner[0]]]))
    return np.concatenate(faces)


def _relaxed(border: NDArray[np.float64], faces: NDArray[np.int64], inner: int) -> NDArray[np.float64]:
    """Positions of the `inner` vertices that come after those of the border."""
    ends = np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0)
    total, ones = len(border) + inner, np.ones(len(ends))
    adjacent = coo_array((ones, (ends[:, 0], ends[:, 1])), shape=(total, total)).tocsr()
    adjacent = adjacent + adjacent.T
    own = adjacent[len(border) :]
    laplacian = diags_array(np.asarray(own.sum(axis=1)).ravel()) - own[:, len(border) :]
    return np.asarray(splu(csc_array(laplacian)).solve(np.asarray(own[:, : len(border)] @ border)))
