"""The mesh of a trained field: depth maps, fusion, iso-surface, clean-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ..engines.base import Field
from .depth import OPAQUE, DepthMap, render_depth, spread, windows, within_budget
from .mesh import Mesh, component_labels
from .scene import Scene
from .surface import decimated, iso_surface, main_pieces, manifold, observed, smoothed, without_holes
from .tsdf import Grid, fuse

MIN_RESOLUTION, MAX_RESOLUTION = 64, 384
VOXELS_PER_FOOTPRINT = 1.25
"""Many overlapping depth maps resolve a little more than one of them does."""
FLOATER_SHARE = 0.05
"""A piece with less of the largest piece's area is dropped."""
HOLE_SHARE = 0.15
"""Holes with a perimeter up to this share of the box's diagonal are closed."""
SMOOTHING_ROUNDS = 8
REPAIR_SHARE = 0.005
"""Share of the wanted triangles kept free for repairs after the simplification."""
WITNESSES = 2
"""Cameras that must have seen a point of the surface."""


@dataclass(frozen=True)
class Budget:
    """How much may be rendered."""

    views: int
    rays: int


CPU_BUDGET = Budget(views=60, rays=900_000)
GPU_BUDGET = Budget(views=200, rays=60_000_000)


@dataclass(frozen=True)
class MeshStatistics:
    """What `mesh.json` says about the mesh; lengths in world units."""

    vertices: int
    faces: int
    components: int
    watertight: bool
    area: float
    bounds: list[list[float]]
    voxel: float
    resolution: int
    views: int
    depth_size: tuple[int, int]
    faces_before_decimation: int
    dropped_pieces: int
    filled_holes: int

    def to_json(self) -> dict[str, Any]:
        """With camelCase keys, as in the workspace's other files."""
        return {_camel(key): value for key, value in asdict(self).items()}


def extract_mesh(
    field: Field,
    scene: Scene,
    target_faces: int,
    budget: Budget,
    progress: Callable[[float, str], None] = lambda percent, message: None,
) -> tuple[Mesh, MeshStatistics]:
    """Fuse what the field shows to the photos' cameras into one clean mesh with at most `target_faces` triangles.

    `progress` is told the percentage and what is going on. Raises EmptyMesh when the field shows no surface.
    """
    cameras = within_budget(windows(scene, spread(scene.views, budget.views)), budget.rays)
    maps = render_depth(
        field, cameras, lambda done: progress(80 * done / len(cameras), f"depth {done} of {len(cameras)}")
    )
    bounds = surface_bounds(maps, scene.box)
    if bounds is None:
        raise ReconstructionError("EmptyMesh", "The trained field is transparent everywhere inside the scene's box.")
    grid = Grid.around(bounds, _resolution(maps, bounds, target_faces))
    progress(82, "fusing depth maps")
    fused = fuse(maps, grid, carve=scene.bounded)
    raw = iso_surface(fused)
    if raw is None:
        raise ReconstructionError("EmptyMesh", "The depth maps of the trained field do not agree on any surface.")
    progress(90, "cleaning the surface")
    seen = observed(raw, maps, grid.truncation, WITNESSES)
    if len(seen.faces) == 0:
        raise ReconstructionError("EmptyMesh", "No part of the surface was seen by two cameras.")
    pieces, dropped = main_pieces(seen, FLOATER_SHARE)
    perimeter = HOLE_SHARE * float(np.linalg.norm(np.ptp(bounds, axis=0)))
    whole, filled = without_holes(pieces, perimeter)
    simple = decimated(smoothed(whole, SMOOTHING_ROUNDS), int(target_faces * (1 - REPAIR_SHARE)))
    mesh, _ = main_pieces(manifold(simple, perimeter), FLOATER_SHARE)
    return mesh, MeshStatistics(
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        components=component_labels(mesh)[0],
        watertight=mesh.is_watertight(),
        area=mesh.area(),
        bounds=mesh.bounds().tolist(),
        voxel=grid.voxel,
        resolution=round(float(np.ptp(bounds, axis=0).max()) / grid.voxel),
        views=len(maps),
        depth_size=(max(c.width for c in cameras), max(c.height for c in cameras)),
        faces_before_decimation=len(whole.faces),
        dropped_pieces=dropped,
        filled_holes=filled,
    )


def surface_bounds(maps: list[DepthMap], box: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Box of the surface points inside the scene's box, without the outermost few; None when there are none. [2, 3]"""
    found = []
    for one in maps:
        points = one.points()[one.alpha >= OPAQUE]
        found.append(points[((points >= box[0]) & (points <= box[1])).all(axis=1)])
    points = np.concatenate(found) if found else np.empty((0, 3))
    if len(points) < 100:
        return None
    low, high = np.quantile(points, [0.0005, 0.9995], axis=0)
    margin = 0.02 * (high - low).max()
    return np.stack([np.maximum(low - margin, box[0]), np.minimum(high + margin, box[1])])


def _resolution(maps: list[DepthMap], bounds: NDArray[np.float64], target_faces: int) -> int:
    """Voxels along the longest side: enough for the wanted triangles, not more than the depth maps can tell apart."""
    footprint = float(np.median([value for one in maps if (value := one.footprint()) > 0]))
    side = float(np.ptp(bounds, axis=0).max())
    wanted = min(target_faces**0.5, VOXELS_PER_FOOTPRINT * side / footprint)
    return round(min(max(wanted, MIN_RESOLUTION), MAX_RESOLUTION))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
