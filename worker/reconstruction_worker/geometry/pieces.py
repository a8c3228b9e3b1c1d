"""Separate pieces of a surface: which are there, and which are left-overs of what cameras disagree about.

Size does not tell them apart: a cube beside a house is small and real. What does is what cameras say: of a real piece
those that look at it see it, of a floater most see what is behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..compiled import threaded
from .agreement import WITNESSES
from .field_depth import OPAQUE, DepthMap
from .matching import FIELD_TRUST
from .mesh import Mesh, boundary_edges, piece_areas, vertex_normals, with_faces
from .surface import MANY_VIEWS
from .tsdf import camera_arrays
from .visibility import pixel

SUPPORT = 0.5
"""Share of the cameras' looks at a piece that must have met it, where others saw past it."""
CONFIRMED_SHARE = 0.3
"""Of what is seen of a piece, that two cameras must confirm, where photos confirm depth."""
UNCONFIRMED_LOOKS, UNCONFIRMED_SHARE = 6, 0.25
"""Cameras, or share of them, that must on average meet a piece which only the field shows: something plain, in which
photos have nothing to match, is seen from many places, and what the field makes up from few."""
RAG = 1.0
"""Pieces that are narrower than so many times the tolerance, and open, are rags."""
LEAST_SIZE = 0.03
"""Pieces whose box has a smaller diagonal, as a share of the whole surface's, are specks."""


@dataclass(frozen=True)
class Pieces:
    """What is left of a surface, and what is not."""

    mesh: Mesh
    unsupported: int = 0
    """Pieces that most cameras see past, or that too few confirm."""
    specks: int = 0
    """Pieces that are too small, or narrow strips."""
    largest_dropped: float = 0.0
    """Area of the largest piece that was dropped, as a share of the largest one's."""


def supported_pieces(mesh: Mesh, maps: list[DepthMap], tolerance: float, share: float | None, carve: bool) -> Pieces:
    """The pieces that cameras have seen, within `tolerance`; with a `share` those with at least so much of the largest
    one's area, whatever cameras say of them. Where `carve`, transparent pixels see past a piece as well."""
    areas, labels = piece_areas(mesh)
    count = len(areas)
    part = areas / areas.max()
    if share is not None:
        kept = part >= share
        return Pieces(with_faces(mesh, kept[labels]), 0, int((~kept).sum()), float(part[~kept].max(initial=0)))
    corners = mesh.vertices[mesh.faces]
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, labels, corners.min(axis=1))
    np.maximum.at(high, labels, corners.max(axis=1))
    large = np.linalg.norm(high - low, axis=1) >= LEAST_SIZE * float(np.linalg.norm(np.ptp(mesh.bounds(), axis=0)))
    large &= _width(mesh, labels, count, areas) >= RAG * tolerance
    supported = _supported(mesh, labels, count, maps, tolerance, carve)
    large[areas.argmax()] = supported[areas.argmax()] = True
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


def _supported(
    mesh: Mesh, labels: NDArray[np.integer], count: int, maps: list[DepthMap], tolerance: float, carve: bool
) -> NDArray[np.bool_]:
    """Whether the looks at each piece mostly meet it, and photos confirm it or many cameras agree on it. [count]"""
    met, past, sure = (np.zeros(len(mesh.vertices), np.int32) for _ in range(3))
    normals = vertex_normals(mesh)
    for one in maps:
        seen = (*camera_arrays(one.camera), one.distance, one.alpha, one.trust)
        _look(len(normals), met, past, sure, mesh.vertices, normals, *seen, tolerance, carve)
    piece = np.zeros(len(mesh.vertices), np.int64)
    piece[mesh.faces] = labels[:, None]
    hits = np.bincount(piece, weights=met, minlength=count)
    looked_at = hits / np.maximum(hits + np.bincount(piece, weights=past, minlength=count), 1) >= SUPPORT
    if len(maps) < MANY_VIEWS:
        return looked_at
    seen = np.maximum(np.bincount(piece, weights=met > 0, minlength=count), 1)
    confirmed = np.bincount(piece, weights=sure >= WITNESSES, minlength=count) / seen >= CONFIRMED_SHARE
    agreed_on = hits / seen >= min(UNCONFIRMED_LOOKS, UNCONFIRMED_SHARE * len(maps))
    return looked_at & (confirmed | agreed_on)


@threaded()
def _look(
    begin, end, met, past, sure, vertices, normals, rotation, centre, lens, distance, alpha, trust, tolerance, carve
):  # pragma: no cover - compiled
    """Count for each vertex a camera that looks at its front and meets it, or sees past it, give or take a pixel; and
    one whose depth other photos confirm."""
    height, width = distance.shape
    for index in range(begin, end):
        column, row, depth = pixel(vertices[index], rotation, centre, lens)
        if depth < 0 or column < 0 or row < 0 or column >= width or row >= height:
            continue
        x, y, z = centre - vertices[index]
        if x * normals[index, 0] + y * normals[index, 1] + z * normals[index, 2] <= 0:
            continue
        reach = np.sqrt(x * x + y * y + z * z)
        seen, beyond, known = False, True, False
        for i in range(max(int(row) - 1, 0), min(int(row) + 2, height)):
            for j in range(max(int(column) - 1, 0), min(int(column) + 2, width)):
                if alpha[i, j] < OPAQUE:
                    beyond = beyond and carve
                    continue
                gap, slack = distance[i, j] - reach, tolerance + reach / lens[0]
                close = -slack < gap < slack
                seen = seen or close
                known = known or (close and trust[i, j] > FIELD_TRUST)
                beyond = beyond and gap > slack
        met[index] += 1 if seen else 0
        past[index] += 1 if beyond else 0
        sure[index] += 1 if known else 0
