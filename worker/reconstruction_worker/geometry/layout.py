"""Cuts a surface into charts and lays each of them flat, in smaller parts where that fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .charts import LARGEST, Adjacency, cut, halved
from .flatten import alone, flattened
from .mesh import Mesh
from .outlines import pieces_of

ROUNDS: Final = 12
"""In which charts are halved; after that every face that is left is a chart of its own."""
STRETCHED: Final = 4.0
"""Mean energy of a chart (1 where all lengths are kept) from which it is halved, if it has many faces."""
FEW: Final = 24
FILLED: Final = 0.65
"""Share of a picture that charts usually fill."""


@dataclass(frozen=True)
class FlatCharts:
    """Charts side by side; each vertex belongs to one of them."""

    places: NDArray[np.float64]  # [V, 2] in units of the mesh, each chart around a place of its own
    faces: NDArray[np.int64]  # [F, 3] in the mesh's order
    source: NDArray[np.int64]  # [V] vertex of the mesh
    chart: NDArray[np.int64]  # [F] from 0
    charts: int


def laid_flat(mesh: Mesh, pages: int = 1) -> FlatCharts:
    """The whole surface, in charts that are small enough for as many pictures. No face is turned over, and no two faces
    of a chart lie on each other."""
    longest = np.inf if pages == 1 else float(np.sqrt(mesh.area() / (FILLED * pages)))  # the side of a picture
    near = Adjacency.of(mesh)
    corners = np.zeros((len(mesh.faces), 3, 2))
    charts = np.full(len(mesh.faces), -1)
    left, label = np.arange(len(mesh.faces)), cut(mesh, near, LARGEST / pages)
    for number in range(ROUNDS):
        part = Mesh(mesh.vertices, mesh.faces[left])
        found, done = _attempt(part, label, longest)
        corners[left[done]] = found[done]
        charts[left[done]] = charts.max() + 1 + np.unique(label[done], return_inverse=True)[1]
        left, label = left[~done], label[~done]
        if len(left) == 0 or number + 1 == ROUNDS:
            break
        label = np.unique(label, return_inverse=True)[1]
        part = Mesh(mesh.vertices, mesh.faces[left])
        label = halved(part, Adjacency.of(part), label)
    corners[left] = alone(mesh.vertices[mesh.faces[left]])
    charts[left] = charts.max() + 1 + np.arange(len(left))
    pieces = pieces_of(mesh, near, charts)
    places = np.zeros((len(pieces.source), 2))
    places[pieces.faces] = corners
    return FlatCharts(places, pieces.faces, pieces.source, charts, pieces.charts)


def _attempt(mesh: Mesh, label: NDArray[np.int64], longest: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Places of the faces' corners [F, 3, 2], and whether the face's chart could be laid flat well, and no longer than
    `longest` [F]."""
    corners, done = np.zeros((len(label), 3, 2)), np.zeros(len(label), bool)
    disks = np.flatnonzero(pieces_of(mesh, Adjacency.of(mesh), label).is_disk()[label])
    if len(disks) == 0:
        return corners, done
    part = Mesh(mesh.vertices, mesh.faces[disks])
    pieces = pieces_of(part, Adjacency.of(part), np.unique(label[disks], return_inverse=True)[1])
    if not pieces.is_disk().all():  # an edge of three faces is one of two, without the third
        return corners, done
    places, energy = flattened(part, pieces)
    count = np.bincount(pieces.chart, minlength=pieces.charts)
    good = np.isfinite(energy) & ~((count > FEW) & (energy > STRETCHED))
    good &= (count == 1) | (_lengths(places[pieces.faces], pieces.chart, pieces.charts) <= longest)
    corners[disks] = places[pieces.faces]
    done[disks] = good[pieces.chart]
    return corners, done


def _lengths(corners: NDArray[np.float64], chart: NDArray[np.int64], charts: int) -> NDArray[np.float64]:
    """Diagonal of the rectangle around each chart, of its faces' corners [F, 3, 2]. [charts]"""
    low, high = np.full((charts, 2), np.inf), np.full((charts, 2), -np.inf)
    np.minimum.at(low, chart, corners.min(axis=1))
    np.maximum.at(high, chart, corners.max(axis=1))
    return np.linalg.norm(high - low, axis=1)
