"""The surface on a fine grid, of which only the cells near a surface are looked at.

A whole grid of 512 voxels a side would take gigabytes and minutes. A coarse one tells where there may be a surface,
and so does every pixel of the depth maps, of whose thin parts a coarse grid knows nothing; the fine one is then gone
through piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .cameras import box_window
from .field_depth import DepthMap
from .mesh import Mesh
from .surface import iso_surface
from .tsdf import Grid, closest, fuse

WHOLE_GRID = 160
"""Voxels along the longest side up to which the grid is made in one piece."""
BLOCK = 8
"""Cells along each side of the blocks of which each is looked at or not: more than the truncation."""
PIECE_BLOCKS = 16
"""Blocks along each side of the pieces that are worked on one after the other."""
SAME_PLACE = 1e-3
"""Vertices of two pieces that are closer than so much of a voxel are one."""


def fused_surface(maps: list[DepthMap], bounds: NDArray[np.float64], resolution: int, bounded: bool) -> Mesh | None:
    """Iso-surface of fused depth maps on a grid with `resolution` voxels along the longest side of `bounds` [2, 3];
    None where there is none. An object that is `bounded` is carved by the rays that see past it, and is solid where
    nothing was seen."""
    coarse = Grid.around(bounds, min(resolution, WHOLE_GRID))
    near = closest(maps)
    whole = iso_surface(fuse(maps, coarse, bounded, near), bounded)
    if whole is None or resolution <= WHOLE_GRID:
        return whole
    blocks = _Blocks.near_surface(maps, whole, Grid.around(bounds, resolution))
    parts = [part for part in _parts(maps, blocks, bounded, near) if part is not None]
    return _welded(parts, blocks.grid.voxel) if parts else None


@dataclass(frozen=True)
class _Blocks:
    """The blocks of a grid near which there may be a surface."""

    grid: Grid
    wanted: NDArray[np.bool_]  # [A, B, C]

    @staticmethod
    def near_surface(maps: list[DepthMap], coarse: Mesh, grid: Grid) -> _Blocks:
        counts = tuple(-(-(side - 1) // BLOCK) for side in grid.shape)
        wanted = np.zeros(counts, np.bool_)
        corners = coarse.vertices[coarse.faces]
        for points in (coarse.vertices, corners.mean(axis=1), *(one.points()[one.shown] for one in maps)):
            block = np.floor((points - grid.origin) / (BLOCK * grid.voxel)).astype(np.int64)
            inside = ((block >= 0) & (block < counts)).all(axis=1)
            wanted[tuple(block[inside].T)] = True
        return _Blocks(grid, _dilated(wanted))


def _dilated(wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With the neighbours of each block, across edges and corners too."""
    padded = np.pad(wanted, 1)
    result = np.zeros_like(wanted)
    x, y, z = wanted.shape
    for i, j, k in product(range(3), repeat=3):
        result |= padded[i : i + x, j : j + y, k : k + z]
    return result


def _parts(maps: list[DepthMap], blocks: _Blocks, bounded: bool, near: float) -> Iterator[Mesh | None]:
    """The surface in each piece of the grid, one after the other."""
    grid = blocks.grid
    for first in product(*(range(0, count, PIECE_BLOCKS) for count in blocks.wanted.shape)):
        wanted = blocks.wanted[tuple(slice(start, start + PIECE_BLOCKS) for start in first)]
        if not wanted.any():
            continue
        start = np.array(first) * BLOCK
        size = np.minimum(np.array(wanted.shape) * BLOCK, np.array(grid.shape) - 1 - start)
        if (size < 1).any():
            continue
        cells = wanted.repeat(BLOCK, 0).repeat(BLOCK, 1).repeat(BLOCK, 2)[: size[0], : size[1], : size[2]]
        x, y, z = (int(n) + 1 for n in size)
        piece = Grid(grid.origin + start * grid.voxel, grid.voxel, (x, y, z))
        yield _part(maps, piece, start, grid, cells, bounded, near)


def _part(
    maps: list[DepthMap],
    piece: Grid,
    start: NDArray[np.int64],
    grid: Grid,
    cells: NDArray[np.bool_],
    bounded: bool,
    near: float,
) -> Mesh | None:
    box = np.stack([piece.origin, piece.origin + (np.array(piece.shape) - 1) * piece.voxel])
    seeing = [one for one in maps if box_window(one.camera, box) is not None]
    found = iso_surface(fuse(seeing, piece, bounded, near, _corners(cells)), bounded, cells) if seeing else None
    if found is None:
        return None
    # In voxels of the whole grid, so that two pieces give the same place for what they share.
    local = np.rint((found.vertices - piece.origin) / piece.voxel / SAME_PLACE) * SAME_PLACE
    return Mesh((local + start) * grid.voxel + grid.origin, found.faces)


def _corners(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The samples at the corners of cells. [X + 1, Y + 1, Z + 1]"""
    x, y, z = cells.shape
    result = np.zeros((x + 1, y + 1, z + 1), np.bool_)
    for i, j, k in product(range(2), repeat=3):
        result[i : i + x, j : j + y, k : k + z] |= cells
    return result


def _welded(parts: list[Mesh], voxel: float) -> Mesh:
    """One mesh, in which vertices that are in the same place are one, without triangles that have shrunk to nothing."""
    vertices = np.concatenate([part.vertices for part in parts])
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = np.concatenate([part.faces + offset for part, offset in zip(parts, offsets[:-1], strict=True)])
    place = np.rint((vertices - vertices.min(axis=0)) / (voxel * SAME_PLACE)).astype(np.int64)
    _, first, merged = np.unique(place, axis=0, return_index=True, return_inverse=True)
    faces = merged.reshape(-1)[faces]
    a, b, c = faces.T
    return Mesh(vertices[first], faces[(a != b) & (b != c) & (c != a)].astype(np.int32))
