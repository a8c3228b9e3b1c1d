"""Separate pieces of a surface: which are there, and which are left-overs of what cameras disagree about.

Size does not tell them apart: a cube beside a house is small and real. What does is what cameras say: of a real piece
those that look at it see it, of a floater most see what is behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..compiled import threaded
from .field_depth import OPAQUE, DepthMap
from .mesh import Mesh, boundary_edges, component_labels, face_cross, vertex_normals, with_faces
from .tsdf import camera_arrays
from .visibility import pixel

SUPPORT = 0.5
"""Share of the cameras' looks at a piece that must have met it, where others saw past it."""
RAG = 1.0
"""Pieces that are narrower than so many times the tolerance, and open, are rags."""
LEAST_SIZE = 0.03
"""Pieces whose box has a smaller diagonal, as a share of the whole surface's, are specks."""


@dataclass(frozen=True)
class Pieces:
    """What is left of a surface, and what is not."""

    mesh: Mesh
    unsupported: int = 0
    """Pieces that most cameras see past."""
    specks: int = 0
    """Pieces that are too small, or narrow strips."""
    largest_dropped: float = 0.0
    """Area of the largest piece that was dropped, as a share of the largest one's."""


def supported_pieces(mesh: Mesh, maps: list[DepthMap], tolerance: float, share: float | None, carve: bool) -> Pieces:
    """The pieces that cameras have seen, within `tolerance`; with a `share` those with at least so much of the largest
    one's area, whatever cameras say of them. Where `carve`, transparent pixels see past a piece as well."""
    count, labels = component_labels(mesh)
    areas = np.bincount(labels, weights=np.linalg.norm(face_cross(mesh), axis=1), minlength=count)
    part = areas / areas.max()
    if share is not None:
        kept = part >= share
        return Pieces(with_faces(mesh, kept[labels]), 0, int((~kept).sum()), float(part[~kept].max(initial=0)))
    corners = mesh.vertices[mesh.faces]
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, labels, corners.min(axis=1))
    np.maximum.at(high, labels, corners.max(axis=1))
    large = np.linalg.norm(high - low, axis=1) >= LEAST_SIZE * float(np.linalg.norm(np.ptp(mesh.bounds(), axis=0)))
    large &= _width(mesh, labels, count, areas / 2) >= RAG * tolerance
    supported = _support(mesh, labels, count, maps, tolerance, carve) >= SUPPORT
    supported[areas.argmax()] = True
    kept = large & supported
    dropped = float(part[~kept].max(initial=0))
    return Pieces(with_faces(mesh, kept[labels]), int((large & ~supported).sum()), int((~large).sum()), dropped)


def _width(mesh: Mesh, labels: NDArray[np.integer], count: int, areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """How wide each piece is, if it were a strip: infinite without a border. [count]"""
    ends = mesh.vertices[boundary_edges(mesh)]
    of_vertex = np.zeros(len(mesh.vertices), np.int64)
    of_vertex[mesh.faces] = labels[:, None]
    piece = of_vertex[boundary_edges(mesh)[:, 0]]
    around = np.bincount(piece, weights=np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1), minlength=count)
    return np.where(around > 0, 2 * areas / np.maximum(around, 1e-20), np.inf)


def _support(
    mesh: Mesh, labels: NDArray[np.integer], count: int, maps: list[DepthMap], tolerance: float, carve: bool
) -> NDArray[np.float64]:
    """Of the looks at each piece the share that met it. [count]"""
    met, past = np.zeros(len(mesh.vertices), np.int32), np.zeros(len(mesh.vertices), np.int32)
    normals = vertex_normals(mesh)
    for one in maps:
        seen = (*camera_arrays(one.camera), one.distance, one.alpha)
        _look(len(normals), met, past, mesh.vertices, normals, *seen, tolerance, carve)
    piece = np.zeros(len(mesh.vertices), np.int64)
    piece[mesh.faces] = labels[:, None]
    hits = np.bincount(piece, weights=met, minlength=count)
    return hits / np.maximum(hits + np.bincount(piece, weights=past, minlength=count), 1)


@threaded()
def _look(
    begin, end, met, past, vertices, normals, rotation, centre, lens, distance, alpha, tolerance, carve
):  # pragma: no cover - compiled
    """Count for each vertex a camera that looks at its front and meets it, or sees past it; give or take a pixel."""
    height, width = distance.shape
    for index in range(begin, end):
        column, row, depth = pixel(vertices[index], rotation, centre, lens)
        if depth < 0 or column < 0 or row < 0 or column >= width or row >= height:
            continue
        x, y, z = centre - vertices[index]
        if x * normals[index, 0] + y * normals[index, 1] + z * normals[index, 2] <= 0:
            continue
        reach = np.sqrt(x * x + y * y + z * z)
        seen, beyond = False, True
        for i in range(max(int(row) - 1, 0), min(int(row) + 2, height)):
            for j in range(max(int(column) - 1, 0), min(int(column) + 2, width)):
                if alpha[i, j] < OPAQUE:
                    beyond = beyond and carve
                    continue
                gap, slack = distance[i, j] - reach, tolerance + reach / lens[0]
                seen = seen or -slack < gap < slack
                beyond = beyond and gap > slack
        met[index] += 1 if seen else 0
        past[index] += 1 if beyond else 0
