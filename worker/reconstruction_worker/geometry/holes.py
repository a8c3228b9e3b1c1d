"""Holes in a mesh: finding and closing them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh, boundary_edges

MAX_RINGS = 12
RELAXATION_ROUNDS = 40


def without_holes(mesh: Mesh, perimeter: float) -> tuple[Mesh, int]:
    """The mesh with holes of at most this perimeter closed, and how many there were.

    A hole is closed by shrunk copies of its border, ring by ring towards its centre, relaxed to a soap film.
    """
    vertices, faces, filled = [mesh.vertices], [mesh.faces], 0
    count = len(mesh.vertices)
    for loop in border_loops(mesh):
        points = mesh.vertices[loop]
        sides = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)
        if sides.sum() > perimeter:
            continue
        radius = np.linalg.norm(points - points.mean(axis=0), axis=1).mean()
        rings = int(np.clip(round(radius / max(sides.mean(), 1e-12)), 1, MAX_RINGS))
        vertices.append(_film(points, rings))
        faces.append(_strips(loop, rings, count))
        count += len(vertices[-1])
        filled += 1
    return Mesh(np.concatenate(vertices), np.concatenate(faces)), filled


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


def _film(border: NDArray[np.float64], rings: int) -> NDArray[np.float64]:
    """Inner rings of a hole with `border` [N, 3], outermost first, and its centre. [(rings - 1) N + 1, 3]"""
    centre = border.mean(axis=0)
    shares = np.arange(1, rings) / rings
    inner = border[None] * (1 - shares[:, None, None]) + centre * shares[:, None, None]
    for _ in range(RELAXATION_ROUNDS if rings > 1 else 0):
        outward = np.concatenate([border[None], inner[:-1]])
        inward = np.concatenate([inner[1:], np.broadcast_to(centre, (1, *border.shape))])
        beside = np.roll(inner, 1, axis=1) + np.roll(inner, -1, axis=1)
        inner = (outward + inward + beside) / 4
        centre = inner[-1].mean(axis=0)
    return np.concatenate([inner.reshape(-1, 3), centre[None]])


def _strips(loop: NDArray[np.int32], rings: int, first: int) -> NDArray[np.int32]:
    """Triangles between a border and the rings inside it, whose vertices are numbered from `first`. [F, 3]"""
    size = len(loop)
    faces = []
    outer = loop
    for ring in range(rings - 1):
        inner = first + ring * size + np.arange(size)
        after_outer, after_inner = np.roll(outer, -1), np.roll(inner, -1)
        faces += [np.stack([after_outer, outer, inner], 1), np.stack([after_outer, inner, after_inner], 1)]
        outer = inner
    centre = np.full(size, first + (rings - 1) * size)
    faces.append(np.stack([np.roll(outer, -1), outer, centre], 1))
    return np.concatenate(faces).astype(np.int32)
