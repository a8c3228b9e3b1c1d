"""The surface that depth maps agree on: fused, cleaned, smoothed as much as the maps are noisy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ...geometry.field_depth import DepthMap
from ...geometry.fine_surface import fused_surface
from ...geometry.holes import without_holes
from ...geometry.mesh import Mesh
from ...geometry.pieces import supported_pieces
from ...geometry.refine_surface import Refiner
from ...geometry.scene import View
from ...geometry.surface import decimated, observed, smoothed, without_pinches
from ...geometry.surface_bounds import surface_bounds
from ...geometry.tsdf import TRUNCATION_VOXELS

MIN_RESOLUTION, MAX_RESOLUTION = 64, 512
VOXELS_PER_FOOTPRINT = 0.75
VOXELS_PER_DISAGREEMENT = 0.7
"""Voxels in what maps disagree by: finer ones would show their noise."""
FEWEST_ROUNDS, MOST_ROUNDS = 10, 40
"""Of smoothing, for exact maps and for maps that disagree by `NOISY` voxels."""
NOISY = 0.5
PATCH_SHARE, HOLE_SHARE = 0.12, 0.5
"""Unseen patches amid what is seen stay up to an area of the square of this share of the diagonal; holes with a
perimeter of up to this share of it are closed."""
COMPARED_FROM = 1e-3
"""Disagreement of the maps, as a share of the size, from which photos tell better where the surface is."""
REACHES = 4.0, 2.0, 1.3
"""How far it may move towards where photos agree, pass by pass, in disagreements of the maps."""
MOST_COMPARED = 100_000
"""Triangles of a surface that is compared with the photos."""


@dataclass(frozen=True)
class Surface:
    """What depth maps show."""

    mesh: Mesh
    voxel: float
    """Side of a cell of the grid that they were fused in, in world units."""


def surface_of(
    maps: Sequence[DepthMap],
    views: Sequence[View],
    box: NDArray[np.float64],
    disagreement: float,
    *,
    bounded: bool,
    witnesses: int,
) -> Surface:
    """The surface inside `box` [2, 3] that at least so many `witnesses` show; `disagreement` is how far maps typically
    are apart, in world units. Where they are not exact, the photos have their say. Raises EmptyMesh."""
    maps = list(maps)
    bounds = surface_bounds(maps, box)
    if bounds is None:
        raise ReconstructionError("EmptyMesh", "The depth maps show nothing inside the scene's box.")
    side, diagonal = float(np.ptp(bounds, axis=0).max()), float(np.linalg.norm(np.ptp(bounds, axis=0)))
    resolution = _resolution(maps, side, disagreement)
    voxel = side / resolution
    raw = fused_surface(maps, bounds, resolution, bounded)
    if raw is None:
        raise ReconstructionError("EmptyMesh", "The depth maps do not agree on any surface.")
    tolerance = TRUNCATION_VOXELS * voxel
    seen = observed(raw, maps, tolerance, witnesses, patch=(PATCH_SHARE * diagonal) ** 2)
    if len(seen.faces) == 0:
        raise ReconstructionError("EmptyMesh", "No part of the surface is in enough depth maps.")
    pieces = supported_pieces(without_pinches(seen), maps, tolerance, None, bounded)
    whole, _ = without_holes(pieces.mesh, HOLE_SHARE * diagonal)
    mesh = smoothed(whole, _rounds(disagreement / voxel))
    if disagreement > COMPARED_FROM * side:
        mesh, refiner = decimated(mesh, MOST_COMPARED), Refiner(list(views))
        for reach in REACHES:
            mesh = refiner.moved(mesh, reach * disagreement)
    return Surface(mesh, voxel)


def _resolution(maps: list[DepthMap], side: float, disagreement: float) -> int:
    """Voxels along the longest side."""
    footprint = float(np.median([value for one in maps if (value := one.footprint()) > 0]))
    wanted = VOXELS_PER_FOOTPRINT * side / footprint
    if disagreement > 0:
        wanted = min(wanted, VOXELS_PER_DISAGREEMENT * side / disagreement)
    return round(min(max(wanted, MIN_RESOLUTION), MAX_RESOLUTION))


def _rounds(voxels: float) -> int:
    share = min(voxels / NOISY, 1.0)
    return round(FEWEST_ROUNDS + share * (MOST_ROUNDS - FEWEST_ROUNDS))
