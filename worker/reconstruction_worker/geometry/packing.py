"""Flat charts placed in a square picture, the large ones first, each where it comes to lie lowest; or in several that
lie below each other, none across the border of two.

The picture is divided into cells, and of each cell it is known how many free ones follow it in its row: whether a row
of a chart fits somewhere is one comparison, and where it does not, that many places can be skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ..compiled import compiled

CELLS: Final = 1024
"""Along a side of the picture, at most; of larger ones a cell is several texels."""
TALLER: Final = 2
"""Rows that may be used in a trial, as a multiple of the columns."""
TRIALS: Final = 8
SHRINK: Final = 0.985
"""Of the scale, when the last trial still left something out."""
LEAST_MARGIN: Final = 0.01
"""Of cells around a chart. So many charts that they leave no room for the space between them get less of it, down to
this."""
ENOUGH: Final = 0.985
"""Share of the rows that must be used for a trial to be the last."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Packed:
    places: Array  # [V, 2] in texels, of pictures below each other
    scale: float
    """Texels in a unit of the plane."""
    pages: int
    """Pictures that have charts."""


@dataclass(frozen=True)
class _Turned:
    """A chart in one of four orientations: its cells, row by row in runs, the longest first."""

    runs: NDArray[np.int32]  # [R, 3] row, first column, length
    height: int
    width: int


def packed(
    places: Array,
    faces: NDArray[np.int64],
    chart: NDArray[np.int64],
    size: int,
    gutter: float,
    pages: int = 1,
    group: NDArray[np.int64] | None = None,
) -> Packed:
    """Place charts, `places` [V, 2] of whose vertices are about as large as in space, in a picture of `size` x `size`
    texels with `gutter` texels between them, or fewer where there is no room for them. `chart` [F] counts from 0, and
    no two charts share a vertex. Of more `pages` than one, all are of that size and scale, and charts of one `group`
    [charts], counted from 0, are placed after each other. Raises InvalidSpec where the charts are more than there is
    room for."""
    cell = max(1, size // CELLS)
    side = size // cell
    charts = _upright(places, faces, chart)
    margin = gutter / 2 / cell
    group = np.zeros(len(charts), np.int64) if group is None else group
    if len(charts) > pages * side**2:
        raise _no_room(len(charts), size, pages)
    scale = _first_scale(charts, side, margin, pages)
    rows = pages * side
    found: _Trial | None = None
    for number in range(TRIALS):
        trial = _tried(charts, group, scale, side, margin, pages)
        if trial.rows <= rows:
            if found is None or scale > found.scale:
                found = trial
            if trial.rows >= ENOUGH * rows or number >= TRIALS // 2:
                break
            scale *= min(np.sqrt(rows / max(trial.rows, 1)), 1.1)
        elif found is not None:
            scale = (scale + found.scale) / 2
        else:
            scale *= SHRINK * np.sqrt(min(rows / trial.rows, 1.0)) if number < TRIALS // 2 else 0.9
    while found is None:
        if margin < LEAST_MARGIN:
            raise _no_room(len(charts), size, pages)
        scale, margin = 0.8 * scale, 0.8 * margin
        trial = _tried(charts, group, scale, side, margin, pages)
        found = trial if trial.rows <= rows else None
    result = np.empty_like(places)
    for one, (turns, row, column) in zip(charts, found.where, strict=True):
        first = np.array([column, row % side if pages > 1 else row])
        own = cell * (_turned(one.places * found.scale, turns, margin) + first)
        result[one.vertices] = own + np.array([0, size * (row // side) if pages > 1 else 0])
    return Packed(result, found.scale * cell, max(1, -(-found.rows // side)))


def _no_room(charts: int, size: int, pages: int) -> ReconstructionError:
    what = f"a texture of {size} x {size} has" if pages == 1 else f"{pages} textures of {size} x {size} have"
    return ReconstructionError(
        "InvalidSpec",
        f"spec.mesh.textureSize: {what} no room for the {charts:,} charts of the surface.",
        suggestion="Raise spec.mesh.textureSize, or lower spec.mesh.targetFaces or targetFaces of the entry of "
        "spec.exports.",
        details={"field": "spec.mesh.textureSize"},
    )


@dataclass(frozen=True)
class _Chart:
    vertices: NDArray[np.int64]
    places: Array  # [V, 2], from (0, 0) on
    faces: NDArray[np.int64]  # [F, 3] into `places`
    area: float


@dataclass(frozen=True)
class _Trial:
    scale: float
    rows: int
    """That were needed; one more than there are where something found no place."""
    where: list[tuple[int, int, int]]
    """Of each chart quarter turns, row and column."""


def _upright(places: Array, faces: NDArray[np.int64], chart: NDArray[np.int64]) -> list[_Chart]:
    """The charts, each turned so that the smallest rectangle around it is upright."""
    order = np.argsort(chart, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(chart[order]) != 0, True]) + 1
    result = []
    for begin, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
        vertices, local = np.unique(faces[order[begin:end]], return_inverse=True)
        own = places[vertices]
        angle = np.radians(cv2.minAreaRect((own - own.mean(axis=0)).astype(np.float32))[2])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        own = own @ turn
        own -= own.min(axis=0)
        local = local.reshape(-1, 3)
        a, b = own[local[:, 1]] - own[local[:, 0]], own[local[:, 2]] - own[local[:, 0]]
        area = float(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / 2)
        result.append(_Chart(vertices, own, local, area))
    return result


def _first_scale(charts: list[_Chart], side: int, margin: float, pages: int) -> float:
    """At which the charts would cover three quarters of the pictures."""
    area = max(sum(one.area for one in charts), 1e-30)
    longest = max(float(one.places.max()) for one in charts)
    return float(min(np.sqrt(0.75 * pages * side**2 / area), (side - 2 * margin - 2) / max(longest, 1e-30)))


def _tried(
    charts: list[_Chart], group: NDArray[np.int64], scale: float, side: int, margin: float, pages: int
) -> _Trial:
    shapes = [_orientations(one, scale, margin) for one in charts]
    order = sorted(range(len(charts)), key=lambda k: (group[k], -max(shapes[k][0].height, shapes[k][0].width), k))
    free = np.empty((TALLER * pages * side, side), np.int32)
    page = side if pages > 1 else len(free)
    free[:] = np.arange(side, 0, -1)
    widest = free[:, 0].copy()
    where, rows = [(0, 0, 0)] * len(charts), 0
    for index in order:
        best: tuple[int, int, int, int] | None = None
        for turns, shape in enumerate(shapes[index]):
            below = best[0] if best else len(free)
            row, column = _lowest(free, widest, shape.runs, shape.height, shape.width, below, page)
            if row >= 0 and (best is None or row + shape.height < best[0]):
                best = row + shape.height, turns, row, column
        if best is None:
            return _Trial(scale, len(free) + 1, where)
        _, turns, row, column = best
        _occupy(free, widest, shapes[index][turns].runs, shapes[index][turns].height, row, column)
        where[index], rows = (turns, row, column), max(rows, best[0])
    return _Trial(scale, rows, where)


def _orientations(one: _Chart, scale: float, margin: float) -> list[_Turned]:
    own = one.places * scale + margin
    width, height = (int(np.ceil(side + margin)) + 1 for side in own.max(axis=0))
    mask = np.zeros((height, width), np.bool_)
    _cover(mask, own[one.faces], margin)
    return [_runs_of(np.ascontiguousarray(np.rot90(mask, turns))) for turns in range(4)]


def _turned(own: Array, turns: int, margin: float) -> Array:
    """Where the chart's vertices are in the mask of `_orientations` after `turns` quarter turns of `np.rot90`."""
    own = own + margin
    width, height = (int(np.ceil(side + margin)) + 1 for side in own.max(axis=0))
    for _ in range(turns):
        own = np.stack([own[:, 1], width - own[:, 0]], axis=1)
        width, height = height, width
    return own


def _runs_of(mask: NDArray[np.bool_]) -> _Turned:
    height, width = mask.shape
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1]
    order = np.argsort(first - last, kind="stable")
    runs = np.stack([row, first, last - first], axis=1)[order].astype(np.int32)
    return _Turned(runs, height, width)


@compiled
def _cover(mask, corners, margin):  # pragma: no cover - compiled
    """Mark the cells whose centres are at most `margin` and half a cell from a triangle, or a little more at its
    corners. `corners` [F, 3, 2]."""
    height, width = mask.shape
    wide = margin + 0.71
    for f in range(len(corners)):
        ax, ay = corners[f, 0]
        bx, by = corners[f, 1]
        cx, cy = corners[f, 2]
        left, right = max(int(min(ax, bx, cx) - wide), 0), min(int(max(ax, bx, cx) + wide), width - 1)
        top, bottom = max(int(min(ay, by, cy) - wide), 0), min(int(max(ay, by, cy) + wide), height - 1)
        turn = 1.0 if (bx - ax) * (cy - ay) - (cx - ax) * (by - ay) > 0 else -1.0
        ab = max(np.hypot(bx - ax, by - ay), 1e-12) * turn
        bc = max(np.hypot(cx - bx, cy - by), 1e-12) * turn
        ca = max(np.hypot(ax - cx, ay - cy), 1e-12) * turn
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                if ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / ab < -wide:
                    continue
                if ((cx - bx) * (y - by) - (cy - by) * (x - bx)) / bc < -wide:
                    continue
                if ((ax - cx) * (y - cy) - (ay - cy) * (x - cx)) / ca < -wide:
                    continue
                mask[row, column] = True


@njit(cache=True, nogil=True)
def _lowest(free, widest, runs, height, width, below, page):  # pragma: no cover - compiled
    """Row and column of the first place where all runs are free, such that the chart ends before row `below` and does
    not lie across a multiple of `page` rows; -1 where there is none. `widest` has for each row the longest run of free
    cells."""
    for row in range(0, min(below, free.shape[0]) - height):
        if row // page != (row + height - 1) // page:
            continue
        if widest[row + runs[0, 0]] < runs[0, 2] or widest[row + runs[-1, 0]] < runs[-1, 2]:
            continue
        column = 0
        while column + width <= free.shape[1]:
            blocked = False
            for k in range(len(runs)):
                here = free[row + runs[k, 0], column + runs[k, 1]]
                if here < runs[k, 2]:
                    column += here + 1
                    blocked = True
                    break
            if not blocked:
                return row, column
    return -1, -1


@compiled
def _occupy(free, widest, runs, height, row, column):  # pragma: no cover - compiled
    for k in range(len(runs)):
        line, first = row + runs[k, 0], column + runs[k, 1]
        for c in range(first, first + runs[k, 2]):
            free[line, c] = 0
        c = first - 1
        while c >= 0 and free[line, c] > 0:
            free[line, c] = first - c
            c -= 1
    for line in range(row, row + height):
        widest[line] = free[line].max()
