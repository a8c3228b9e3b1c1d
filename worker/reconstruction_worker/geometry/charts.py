"""The surface divided into charts, pieces that lie flat without much stretching.

Faces are joined to charts from the bottom up, after M. Garland, A. Willmott and P. Heckbert, "Hierarchical face
clustering on polygonal surfaces", 2001: of all neighbours those two are joined first whose normals spread the least.
Normals are taken from a smoothed surface, so that grain of the size of the faces does not end a chart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from .mesh import Mesh, face_cross, half_edges

LEAST_ALIGNED: Final = 0.72
"""Length of a chart's mean normal: 1 where it is flat, 0.5 for half a ball."""
LARGEST: Final = 0.06
"""Share of the surface in one chart: packing needs pieces."""
ROUNDNESS: Final = 0.015
"""What a round outline is worth beside flatness."""
SMALL: Final = 1e-4
"""Share of the surface up to which a chart joins a neighbour that is less aligned, `LEAST_ALIGNED_OF_SMALL`."""
LEAST_ALIGNED_OF_SMALL: Final = 0.6
SMOOTHINGS: Final = 12
ROUNDS: Final = 400
"""Joins take a few dozen; a limit in case two charts keep missing each other."""


@dataclass(frozen=True)
class Adjacency:
    """Which faces share an edge that exactly two faces have, walked in opposite directions."""

    first: NDArray[np.int64]  # [E] half edges (3 times the face plus the corner where it starts)
    second: NDArray[np.int64]  # [E]

    @classmethod
    def of(cls, mesh: Mesh) -> Adjacency:
        edges = half_edges(mesh).astype(np.int64)
        keys = edges.min(axis=1) * len(mesh.vertices) + edges.max(axis=1)
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0])
        pairs = starts[np.diff(np.r_[starts, len(order)]) == 2]
        first, second = order[pairs], order[pairs + 1]
        opposite = edges[first, 0] == edges[second, 1]
        return cls(first[opposite], second[opposite])

    def faces(self) -> NDArray[np.int64]:
        """Pairs of faces. [E, 2]"""
        return np.stack([self.first // 3, self.second // 3], axis=1)


def cut(mesh: Mesh, near: Adjacency, largest: float = LARGEST) -> NDArray[np.int64]:
    """The chart of each face [F], counted from 0, none with more than `largest` of the surface unless a face has.
    Charts are connected."""
    cross = face_cross(mesh) / 2
    area = np.maximum(np.linalg.norm(cross, axis=1), 1e-12 * max(mesh.area(), 1e-300))
    faces = near.faces()
    edges = half_edges(mesh)
    lengths = np.linalg.norm(mesh.vertices[edges[:, 0]] - mesh.vertices[edges[:, 1]], axis=1)
    normals = _smoothed(cross / area[:, None], area, faces)
    outline = lengths.reshape(-1, 3).sum(axis=1)
    return _joined(area, normals * area[:, None], outline, faces, lengths[near.first], largest)


def _smoothed(normals: NDArray[np.float64], area: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unit normals [F, 3], averaged with those of the neighbours a few times."""
    count = len(normals)
    both = np.concatenate([faces, faces[:, ::-1]])
    share = csr_matrix((area[both[:, 1]], (both[:, 0], both[:, 1])), shape=(count, count))
    for _ in range(SMOOTHINGS):
        normals = normals * area[:, None] + share @ normals
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    return normals


def _joined(
    area: NDArray[np.float64],
    total: NDArray[np.float64],
    outline: NDArray[np.float64],
    pairs: NDArray[np.int64],
    shared: NDArray[np.float64],
    largest: float,
) -> NDArray[np.int64]:
    """Join neighbours, round by round those that are each other's best. Of each piece the `area`, the sum of its
    normals weighted by area and the length of its outline; of `pairs` the length of the border they share."""
    label, whole = np.arange(len(area)), float(area.sum())
    for _ in range(ROUNDS):
        pairs, shared = _merged(pairs, shared, len(area))
        if len(pairs) == 0:
            break
        a, b = pairs.T
        together = area[a] + area[b]
        aligned = np.linalg.norm(total[a] + total[b], axis=1) / together
        around = np.maximum(outline[a] + outline[b] - 2 * shared, 0)
        cost = 1 - aligned + ROUNDNESS * around**2 / (4 * np.pi * together)
        small = np.minimum(area[a], area[b]) < SMALL * whole
        least = np.where(small, LEAST_ALIGNED_OF_SMALL, LEAST_ALIGNED)
        allowed = (aligned >= least) & (together <= largest * whole)
        cost[~allowed] = np.inf
        chosen = _each_others_best(pairs, cost, len(area))
        if len(chosen) == 0:
            break
        outline[a[chosen]] = around[chosen]
        area[a[chosen]] = together[chosen]
        total[a[chosen]] += total[b[chosen]]
        target = np.arange(len(area))
        target[b[chosen]] = a[chosen]
        kept = target == np.arange(len(area))
        compact = (np.cumsum(kept) - 1)[target]
        area, total, outline = area[kept], total[kept], outline[kept]
        label, pairs = compact[label], compact[pairs]
    return label


def _merged(
    pairs: NDArray[np.int64], shared: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Each pair of pieces once, the lower one first, with all of their border."""
    apart = pairs[:, 0] != pairs[:, 1]
    low, high = pairs[apart].min(axis=1), pairs[apart].max(axis=1)
    keys, index = np.unique(low * count + high, return_inverse=True)
    length = np.bincount(index, shared[apart], len(keys)).astype(np.float64)
    return np.stack([keys // count, keys % count], axis=1), length


def _each_others_best(pairs: NDArray[np.int64], cost: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Indices of the pairs that cost both of their pieces less than any other. Ties go to the earlier pair."""
    order = np.argsort(cost, kind="stable")
    order = order[np.isfinite(cost[order])]
    best = np.full(count, len(order))  # by the place in this order
    for side in (0, 1):
        np.minimum.at(best, pairs[order, side], np.arange(len(order)))
    places = np.arange(len(order))
    a, b = pairs[order].T
    return order[(best[a] == places) & (best[b] == places)]


def halved(mesh: Mesh, near: Adjacency, label: NDArray[np.int64]) -> NDArray[np.int64]:
    """The labels with each chart cut across its longest side; parts that don't hang together become charts."""
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    side = np.zeros(len(label), np.int64)
    order = np.argsort(label, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(label[order]) != 0, True]) + 1
    for begin, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
        part = order[begin:end]
        away = centres[part] - centres[part].mean(axis=0)
        along = away @ np.linalg.eigh(away.T @ away)[1][:, -1]
        side[part] = np.argsort(np.argsort(along, kind="stable"), kind="stable") >= len(part) // 2
    return connected(near, 2 * label + side)


def connected(near: Adjacency, label: NDArray[np.int64]) -> NDArray[np.int64]:
    """The labels with each part that hangs together as a label of its own, counted from 0."""
    pairs = near.faces()
    same = label[pairs[:, 0]] == label[pairs[:, 1]]
    a, b = pairs[same].T
    graph = csr_matrix((np.ones(len(a), np.int8), (a, b)), shape=(len(label), len(label)))
    return connected_components(graph, directed=False)[1].astype(np.int64)
