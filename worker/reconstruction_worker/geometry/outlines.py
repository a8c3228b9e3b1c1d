"""Charts as surfaces of their own: corners that meet inside a chart are one vertex, and its outlines are loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from ..compiled import compiled
from .charts import Adjacency
from .mesh import Mesh


@dataclass(frozen=True)
class Pieces:
    """All charts of a mesh side by side. Every vertex belongs to one chart, and has one fan of faces around it."""

    faces: NDArray[np.int64]  # [F, 3] into the vertices below
    source: NDArray[np.int64]  # [V] vertex of the mesh
    chart: NDArray[np.int64]  # [F]
    chart_of_vertex: NDArray[np.int64]  # [V]
    charts: int
    outline: NDArray[np.int64]  # [B] vertices along the outlines, loop after loop
    loop: NDArray[np.int64]  # [B] number of the loop
    chart_of_loop: NDArray[np.int64]  # [L]
    outer: NDArray[np.bool_]  # [L] the longest of its chart

    def is_disk(self) -> NDArray[np.bool_]:
        """Of each chart, whether it would be a disk if its inner outlines were closed. By Euler's formula. [C]"""
        vertices = np.bincount(self.chart_of_vertex, minlength=self.charts)
        faces = np.bincount(self.chart, minlength=self.charts)
        border = np.bincount(self.chart_of_vertex[self.outline], minlength=self.charts)
        loops = np.bincount(self.chart_of_loop, minlength=self.charts)
        return (loops > 0) & (vertices - (3 * faces + border) // 2 + faces + loops == 2)


def pieces_of(mesh: Mesh, near: Adjacency, chart: NDArray[np.int64]) -> Pieces:
    """The charts that `chart` [F] says, counted from 0."""
    inside = chart[near.first // 3] == chart[near.second // 3]
    first, second = near.first[inside], near.second[inside]
    corners = 3 * len(chart)
    a = np.concatenate([first, _next(first)])
    b = np.concatenate([_next(second), second])
    graph = csr_matrix((np.ones(len(a), np.int8), (a, b)), shape=(corners, corners))
    count, vertex = connected_components(graph, directed=False)
    vertex = vertex.astype(np.int64)
    source = np.empty(count, np.int64)
    source[vertex] = mesh.faces.ravel()
    chart_of_vertex = np.empty(count, np.int64)
    chart_of_vertex[vertex] = np.repeat(chart, 3)
    border = np.ones(corners, bool)
    border[first] = border[second] = False
    starts = np.flatnonzero(border)
    following = np.full(count, -1)
    following[vertex[starts]] = vertex[_next(starts)]
    outline, loop = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    _walk(following, outline, loop)
    loops = int(loop.max()) + 1 if len(loop) else 0
    ends = following[outline]
    lengths = np.linalg.norm(mesh.vertices[source[outline]] - mesh.vertices[source[ends]], axis=1)
    chart_of_loop = np.zeros(loops, np.int64)
    chart_of_loop[loop] = chart_of_vertex[outline]
    charts = int(chart.max()) + 1
    outer = np.zeros(loops, bool)
    order = np.lexsort((np.bincount(loop, lengths, loops), chart_of_loop))
    outer[order[np.r_[np.diff(chart_of_loop[order]) != 0, True]]] = True
    return Pieces(vertex.reshape(-1, 3), source, chart, chart_of_vertex, charts, outline, loop, chart_of_loop, outer)


def _next(half_edge: NDArray[np.int64]) -> NDArray[np.int64]:
    return half_edge - half_edge % 3 + (half_edge + 1) % 3


@compiled
def _walk(following, outline, loop):  # pragma: no cover - compiled
    """Vertices of the outlines in their order, and the number of the loop that each is in."""
    seen = np.zeros(len(following), np.bool_)
    place, number = 0, 0
    for start in range(len(following)):
        if following[start] < 0 or seen[start]:
            continue
        here = start
        while not seen[here]:
            seen[here] = True
            outline[place] = here
            loop[place] = number
            place += 1
            here = following[here]
        number += 1


def crossing(places: NDArray[np.float64], pieces: Pieces) -> NDArray[np.bool_]:
    """Which charts have outlines that cross in the plane, each other or themselves: parts of them lie on each other.
    `places` [V, 2]; [C]"""
    ends = np.r_[pieces.outline[1:], pieces.outline[:1]]
    last = np.r_[pieces.loop[1:] != pieces.loop[:-1], True]
    ends[last] = pieces.outline[np.flatnonzero(np.r_[True, last[:-1]])]
    chart = pieces.chart_of_vertex[pieces.outline]
    order = np.lexsort((np.minimum(places[pieces.outline, 0], places[ends, 0]), chart))
    starts, ends, chart = pieces.outline[order], ends[order], chart[order]
    result = np.zeros(pieces.charts, bool)
    _cross(starts, ends, chart, places, result)
    return result


@compiled
def _cross(starts, ends, chart, places, result):  # pragma: no cover - compiled
    """Mark charts with two outline edges that cross. Edges are sorted by chart, then by where they begin from the
    left."""
    for i in range(len(starts)):
        if result[chart[i]]:
            continue
        a, b = starts[i], ends[i]
        ax, ay, bx, by = places[a, 0], places[a, 1], places[b, 0], places[b, 1]
        right, low, high = max(ax, bx), min(ay, by), max(ay, by)
        for j in range(i + 1, len(starts)):
            c, d = starts[j], ends[j]
            cx, cy, dx, dy = places[c, 0], places[c, 1], places[d, 0], places[d, 1]
            if chart[j] != chart[i] or min(cx, dx) > right:
                break
            if a in (c, d) or b in (c, d) or min(cy, dy) > high or max(cy, dy) < low:
                continue
            one = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            two = (bx - ax) * (dy - ay) - (by - ay) * (dx - ax)
            three = (dx - cx) * (ay - cy) - (dy - cy) * (ax - cx)
            four = (dx - cx) * (by - cy) - (dy - cy) * (bx - cx)
            if one * two < 0 and three * four < 0:
                result[chart[i]] = True
                break
