"""The mesh of a trained field: depth maps, fusion, iso-surface, clean-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from .field_depth import OPAQUE, DepthMap, render_depth, spread, windows, within_budget
from .holes import without_holes
from .mesh import Mesh, component_labels
from .mesh_document import MeshDocument
from .refine_surface import Refiner
from .rendering import Field
from .scene import Scene, View
from .sparse import SparsePoints
from .stereo import stereo_maps
from .surface import iso_surface, main_pieces, observed, simplified, smoothed, subdivided, without_pinches
from .tsdf import Grid, fuse

MIN_RESOLUTION, MAX_RESOLUTION = 64, 256
VOXELS_PER_FOOTPRINT = 0.95
FLOATER_SHARE = 0.05
"""A piece with less of the largest piece's area is dropped."""
PATCH_SHARE = 0.08
"""Unseen patches amid the seen surface stay up to an area of the square of this share of the box's diagonal."""
HOLE_SHARE = 0.35
"""Holes with a perimeter up to this share of the box's diagonal are closed."""
SMOOTHING_ROUNDS = 40
"""Of the fused surface: what this takes away, the photos bring back where it was real."""
COARSE_REACHES, FINE_REACHES = (3.0, 1.5), (1.0,)
"""How far the surface may move towards where the photos agree, pass by pass, in voxels."""
EDGE_PIXELS = 1.5
"""The surface is not divided into triangles with shorter edges than this many of the photos' pixels."""


@dataclass(frozen=True)
class Budget:
    """How much may be rendered."""

    views: int
    rays: int


CPU_BUDGET = Budget(views=60, rays=450_000)
GPU_BUDGET = Budget(views=200, rays=60_000_000)
GAUSSIANS_BUDGET = Budget(views=100, rays=8_000_000)
"""Gaussians are drawn by the million of pixels in a tenth of a second, on any machine."""


def extract_mesh(
    field: Field,
    scene: Scene,
    target_faces: int,
    budget: Budget,
    progress: Callable[[float, str], None] = lambda percent, message: None,
    points: SparsePoints | None = None,
) -> tuple[Mesh, MeshDocument]:
    """Fuse what the field shows to the photos' cameras, and move the surface to where the photos agree.

    Of an open scene the photos, guided by the field and the sparse `points`, tell the depth themselves. The mesh has at
    most `target_faces` triangles. `progress` gets the percentage and what is being done. Raises EmptyMesh when the
    field shows no surface.
    """
    views = spread(scene.views, budget.views)
    seen = windows(scene, views)
    cameras = within_budget(list(seen.values()), budget.rays)
    rendered = 60 if scene.bounded or points is None else 30
    maps = render_depth(
        field, cameras, lambda done: progress(rendered * done / len(cameras), f"depth {done} of {len(cameras)}")
    )
    stereo = None
    if points is not None and not scene.bounded:
        stereo = stereo_maps(
            views,
            dict(zip(seen, maps, strict=True)),
            points,
            lambda done: progress(30 + 30 * done / len(views), f"matched {done} of {len(views)} photos"),
        )
        maps = stereo.maps if stereo else maps
    bounds = surface_bounds(maps, scene.box)
    if bounds is None:
        raise ReconstructionError("EmptyMesh", "The trained field is transparent everywhere inside the scene's box.")
    progress(60, "fusing depth maps")
    grid = Grid.around(bounds, _resolution(maps, bounds, target_faces, stereo.disagreement if stereo else 0.0))
    coarse = _fused_surface(maps, grid, bounds, scene)
    progress(65, "comparing photos")
    fine = _detailed(smoothed(coarse.mesh, SMOOTHING_ROUNDS), views, grid.voxel, target_faces, progress)
    progress(95, "simplifying")
    mesh, _ = main_pieces(simplified(fine, target_faces, _hole_perimeter(bounds)), FLOATER_SHARE)
    return mesh, MeshDocument(
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        components=component_labels(mesh)[0],
        watertight=mesh.is_watertight(),
        area=mesh.area(),
        bounds=mesh.bounds().tolist(),
        voxel=grid.voxel,
        resolution=round(float(np.ptp(bounds, axis=0).max()) / grid.voxel),
        views=len(maps),
        depth_size=(max(one.camera.width for one in maps), max(one.camera.height for one in maps)),
        confirmed_share=round(stereo.confirmed, 3) if stereo else None,
        faces_before_decimation=len(fine.faces),
        dropped_pieces=coarse.dropped_pieces,
        filled_holes=coarse.filled_holes,
    )


def finished_mesh(made: Mesh, target_faces: int) -> tuple[Mesh, MeshDocument]:
    """A mesh that an engine made, with at most `target_faces` triangles. Raises EmptyMesh."""
    if len(made.faces) == 0:
        raise ReconstructionError("EmptyMesh", "The engine's mesh has no triangles.")
    mesh = made
    if len(made.faces) > target_faces:
        mesh = simplified(made, target_faces, _hole_perimeter(made.bounds()))
    return mesh, MeshDocument(
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        components=component_labels(mesh)[0],
        watertight=mesh.is_watertight(),
        area=mesh.area(),
        bounds=mesh.bounds().tolist(),
        faces_before_decimation=len(made.faces),
    )


@dataclass(frozen=True)
class _Coarse:
    """The fused surface after its clean-up."""

    mesh: Mesh
    dropped_pieces: int
    filled_holes: int


def _fused_surface(maps: list[DepthMap], grid: Grid, bounds: NDArray[np.float64], scene: Scene) -> _Coarse:
    """Iso-surface of the fused depth maps: what was seen of it, its main pieces, without small holes."""
    raw = iso_surface(fuse(maps, grid, carve=scene.bounded), unseen_is_solid=scene.bounded)
    if raw is None:
        raise ReconstructionError("EmptyMesh", "The depth maps of the trained field do not agree on any surface.")
    seen = observed(raw, maps, grid.truncation, scene.witnesses, patch=(PATCH_SHARE * _diagonal(bounds)) ** 2)
    if len(seen.faces) == 0:
        raise ReconstructionError("EmptyMesh", "No part of the surface was seen by enough cameras.")
    pieces, dropped = main_pieces(without_pinches(seen), FLOATER_SHARE)
    whole, filled = without_holes(pieces, _hole_perimeter(bounds))
    return _Coarse(whole, dropped, filled)


def _detailed(
    mesh: Mesh, views: list[View], voxel: float, target_faces: int, progress: Callable[[float, str], None]
) -> Mesh:
    """The surface where the photos agree, with at least `target_faces` triangles unless the photos are too coarse."""
    refiner = Refiner(views)
    for reach in COARSE_REACHES:
        mesh = refiner.moved(mesh, reach * voxel)
        progress(75, "comparing photos")
    centres = np.array([view.camera.camera_to_world[:3, 3] for view in views])
    middle = mesh.bounds().mean(axis=0)
    pixel = float(np.median(np.linalg.norm(centres - middle, axis=1) / [view.camera.fx for view in views]))
    finest = mesh.area() / (EDGE_PIXELS * pixel) ** 2
    while len(mesh.faces) < min(target_faces, finest):
        mesh = subdivided(mesh)
    for reach in FINE_REACHES:
        progress(85, "comparing photos")
        mesh = refiner.moved(mesh, reach * voxel)
    return mesh


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


def _resolution(maps: list[DepthMap], bounds: NDArray[np.float64], target_faces: int, disagreement: float) -> int:
    """Voxels along the longest side: enough for the wanted triangles, not more than the depth maps can tell apart (a
    finer grid shows their noise), and none smaller than what they disagree by."""
    footprint = float(np.median([value for one in maps if (value := one.footprint()) > 0]))
    side = float(np.ptp(bounds, axis=0).max())
    wanted = min(target_faces**0.5, VOXELS_PER_FOOTPRINT * side / footprint)
    if disagreement > 0:
        wanted = min(wanted, side / disagreement)
    return round(min(max(wanted, MIN_RESOLUTION), MAX_RESOLUTION))


def _diagonal(bounds: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.ptp(bounds, axis=0)))


def _hole_perimeter(bounds: NDArray[np.float64]) -> float:
    return HOLE_SHARE * _diagonal(bounds)
