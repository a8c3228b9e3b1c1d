"""The mesh of a trained field: depth maps, fusion, iso-surface, clean-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.mesh import MeshCrop

from .crop import Crop, Wish, crop_document, find_crop
from .depth_budget import Budget
from .field_depth import DepthMap, render_depth, windows, within_budget
from .fine_surface import WHOLE_GRID, fused_surface
from .holes import without_holes
from .landmarks import landmarks
from .mesh import Mesh, component_labels
from .mesh_document import CropDocument, MeshDocument
from .photo_depth import PhotoDepth, photo_depth
from .pieces import Pieces, supported_pieces
from .refine_surface import Refiner
from .rendering import Field
from .scene import Scene, View
from .sparse import SparsePoints
from .surface import decimated, observed, simplified, smoothed, subdivided, without_pinches
from .surface_bounds import surface_bounds
from .tsdf import TRUNCATION_VOXELS

MIN_RESOLUTION, MAX_RESOLUTION = 64, 512
VOXELS_PER_FOOTPRINT = 0.95
PATCH_SHARE = 0.08
"""Unseen patches amid the seen surface stay up to an area of the square of this share of the box's diagonal."""
HOLE_SHARE = 0.35
"""Holes with a perimeter up to this share of the box's diagonal are closed."""
SMOOTHING_ROUNDS = 40
"""Of the fused surface: what this takes away, the photos bring back where it was real."""
COARSE_SMOOTHING = 10
"""Rounds, of the surface in which an object is looked for."""
COARSE_REACHES, FINE_REACHES = (3.0, 1.5), (1.0,)
"""How far the surface may move towards where the photos agree, pass by pass, in voxels, or in `REACH_SHARE`."""
REACH_SHARE = 1 / 256
"""Share of the surface's longest side that a step of the photos' comparison has at least: voxels may be finer than what
a field's depth is wrong by."""
MOST_COMPARED = 150_000
"""Triangles up to which a surface is compared with the photos, unless more are wanted."""
EDGE_PIXELS = 1.5
"""The surface is not divided into triangles with shorter edges than this many of the photos' pixels."""
STEREO_PIXELS, STEREO_PIXELS_PER_VIEW = 8_000_000, 60_000
"""What photos are compared in: so many pixels in all, and at least so many each."""
NOTHING_IN_BOX = "There is no surface inside spec.mesh.box."
HOW_TO_GIVE_IT = "Give it in the coordinates of the exported PLY, whose bounds are in export/exports.json."
CONVINCING = 0.05
"""Share of what photos show that they must confirm together for their depth to be used at all."""


def extract_mesh(
    field: Field,
    scene: Scene,
    target_faces: int,
    budget: Budget,
    progress: Callable[[float, str], None] = lambda percent, message: None,
    points: SparsePoints | None = None,
    min_piece_share: float | None = None,
    wish: Wish | None = None,
    on_crop: Callable[[Mesh, Crop], None] = lambda coarse, crop: None,
) -> tuple[Mesh, MeshDocument]:
    """Fuse the depth that the photos tell, and the field where they don't, and move the surface to where photos agree.

    Photos are compared where the sparse `points` are given, be they none at all; otherwise all depth is the field's.
    The mesh has at most `target_faces` triangles. Pieces with less than `min_piece_share` of the largest one's area are
    dropped, or, where it is None, those that cameras don't support. `wish` says what of the scene is wanted, all where
    it is None; `on_crop` gets the coarse surface of the whole scene and what is left of it, where it is cut. `progress`
    gets the percentage and what is being done. Raises EmptyMesh when there is no surface.
    """
    seen = windows(scene, list(scene.views))
    views = [view for view in scene.views if view.name in seen]
    if not views:
        raise ReconstructionError("EmptyMesh", "No photo shows the scene's box.")
    cameras = within_budget(list(seen.values()), budget.rays(field, next(iter(seen.values()))))
    depth = render_depth(
        field, cameras, lambda done: progress(30 * done / len(cameras), f"depth {done} of {len(cameras)}")
    )
    photos = None if points is None else _of_photos(views, scene, dict(zip(seen, depth, strict=True)), points, progress)
    believed = photos is not None and photos.confirmed >= CONVINCING
    maps = photos.maps if photos is not None and believed else depth
    bounds = surface_bounds(maps, scene.box)
    if bounds is None:
        raise ReconstructionError("EmptyMesh", "The trained field is transparent everywhere inside the scene's box.")
    progress(60, "fusing depth maps")
    disagreement = photos.disagreement if photos is not None and believed else 0.0
    crop, cut = _crop(wish, maps, bounds, scene, on_crop)
    if crop is not None:
        bounds = _within(crop.box, bounds)
    side = float(np.ptp(bounds, axis=0).max())
    footprint = _footprint(maps) if crop is None else _footprint_at(maps, bounds.mean(axis=0))
    resolution = _resolution(footprint, side, disagreement)
    fused = _fused(maps, bounds, resolution, scene, min_piece_share, crop)
    progress(65, "comparing photos")
    compared = decimated(smoothed(fused.pieces.mesh, SMOOTHING_ROUNDS), max(MOST_COMPARED, target_faces))
    fine = _detailed(compared, views, max(side / resolution, side * REACH_SHARE), target_faces, progress)
    progress(95, "simplifying")
    simple = simplified(fine, target_faces, _hole_perimeter(bounds))
    last = supported_pieces(simple, maps, _tolerance(side, resolution), min_piece_share, scene.bounded)
    mesh = last.mesh
    return mesh, MeshDocument(
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        components=component_labels(mesh)[0],
        watertight=mesh.is_watertight(),
        area=mesh.area(),
        bounds=mesh.bounds().tolist(),
        voxel=side / resolution,
        resolution=resolution,
        views=len(maps),
        depth_size=(max(one.camera.width for one in maps), max(one.camera.height for one in maps)),
        confirmed_share=round(photos.confirmed, 3) if photos is not None else None,
        without_photo_depth=photos.left_out if photos is not None else {},
        faces_before_decimation=len(fine.faces),
        dropped_pieces=fused.pieces.unsupported + fused.pieces.specks,
        unsupported_pieces=fused.pieces.unsupported,
        largest_dropped_share=round(fused.pieces.largest_dropped, 5),
        filled_holes=fused.filled_holes,
        crop=cut,
    )


def finished_mesh(
    made: Mesh,
    target_faces: int,
    wish: Wish | None = None,
    on_crop: Callable[[Mesh, Crop], None] = lambda coarse, crop: None,
) -> tuple[Mesh, MeshDocument]:
    """A mesh that an engine made, with at most `target_faces` triangles. Of an engine that makes a mesh nothing but a
    box can be wanted: `wish` and `on_crop` as above. Raises EmptyMesh."""
    if len(made.faces) == 0:
        raise ReconstructionError("EmptyMesh", "The engine's mesh has no triangles.")
    cut = None
    if wish is not None and wish.crop is not MeshCrop.SCENE:
        crop, why = find_crop(wish, made, [], 0.0, bounded=True)
        cut = crop_document(wish, crop, why, made)
        if crop is not None:
            on_crop(made, crop)
            made = _not_empty(crop.cut(made, 0.0))
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
        crop=cut,
    )


def _crop(
    wish: Wish | None,
    maps: list[DepthMap],
    bounds: NDArray[np.float64],
    scene: Scene,
    on_crop: Callable[[Mesh, Crop], None],
) -> tuple[Crop | None, CropDocument | None]:
    """What is to be kept, judged by a coarse surface of everything; None for all of it."""
    if wish is None or wish.crop is MeshCrop.SCENE:
        return None, None
    coarse, crop, why = None, None, "there is no surface"
    side = float(np.ptp(bounds, axis=0).max())
    raw = fused_surface(maps, bounds, WHOLE_GRID, scene.bounded)
    if raw is not None:
        voxel = side / WHOLE_GRID
        seen = observed(raw, maps, TRUNCATION_VOXELS * voxel, scene.witnesses, (PATCH_SHARE * _diagonal(bounds)) ** 2)
        coarse = smoothed(seen, COARSE_SMOOTHING) if len(seen.faces) else None
        if coarse is not None:
            crop, why = find_crop(wish, coarse, [view.camera for view in scene.views], voxel, scene.bounded)
            if crop is not None:
                on_crop(coarse, crop)
    return crop, crop_document(wish, crop, why, coarse)


def _within(box: NDArray[np.float64], bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """What two boxes share. Raises EmptyMesh."""
    both = np.stack([np.maximum(box[0], bounds[0]), np.minimum(box[1], bounds[1])])
    if (both[1] <= both[0]).any():
        raise ReconstructionError("EmptyMesh", NOTHING_IN_BOX, suggestion=HOW_TO_GIVE_IT)
    return both


def _not_empty(mesh: Mesh) -> Mesh:
    if len(mesh.faces) == 0:
        raise ReconstructionError("EmptyMesh", NOTHING_IN_BOX, suggestion=HOW_TO_GIVE_IT)
    return mesh


def _of_photos(
    views: list[View],
    scene: Scene,
    field: dict[str, DepthMap],
    points: SparsePoints,
    progress: Callable[[float, str], None],
) -> PhotoDepth:
    known = landmarks(views, field, points, scene.box)
    return photo_depth(
        views,
        windows(scene, views),
        field,
        known,
        max(STEREO_PIXELS, STEREO_PIXELS_PER_VIEW * len(views)),
        lambda done: progress(30 + 30 * done / len(views), f"matched {done} of {len(views)} photos"),
    )


@dataclass(frozen=True)
class _Fused:
    """The fused surface after its clean-up."""

    pieces: Pieces
    filled_holes: int


def _fused(
    maps: list[DepthMap],
    bounds: NDArray[np.float64],
    resolution: int,
    scene: Scene,
    min_piece_share: float | None,
    crop: Crop | None,
) -> _Fused:
    """Iso-surface of the fused depth maps: what was seen and is wanted, of that the pieces that cameras support; no
    small holes."""
    raw = fused_surface(maps, bounds, resolution, scene.bounded)
    if raw is None:
        raise ReconstructionError("EmptyMesh", "The depth maps of the trained field do not agree on any surface.")
    tolerance = _tolerance(float(np.ptp(bounds, axis=0).max()), resolution)
    seen = observed(raw, maps, tolerance, scene.witnesses, patch=(PATCH_SHARE * _diagonal(bounds)) ** 2)
    if len(seen.faces) == 0:
        raise ReconstructionError("EmptyMesh", "No part of the surface was seen by enough cameras.")
    if crop is not None:
        seen = _not_empty(crop.cut(seen, float(np.ptp(bounds, axis=0).max()) / resolution))
    pieces = supported_pieces(without_pinches(seen), maps, tolerance, min_piece_share, scene.bounded)
    whole, filled = without_holes(pieces.mesh, _hole_perimeter(bounds))
    return _Fused(Pieces(whole, pieces.unsupported, pieces.specks, pieces.largest_dropped), filled)


def _detailed(
    mesh: Mesh, views: list[View], step: float, target_faces: int, progress: Callable[[float, str], None]
) -> Mesh:
    """The surface where the photos agree, with at least `target_faces` triangles unless the photos are too coarse."""
    refiner = Refiner(views)
    for reach in COARSE_REACHES:
        mesh = refiner.moved(mesh, reach * step)
        progress(75, "comparing photos")
    centres = np.array([view.camera.camera_to_world[:3, 3] for view in views])
    middle = mesh.bounds().mean(axis=0)
    pixel = float(np.median(np.linalg.norm(centres - middle, axis=1) / [view.camera.fx for view in views]))
    finest = mesh.area() / (EDGE_PIXELS * pixel) ** 2
    while len(mesh.faces) < min(target_faces, finest):
        mesh = subdivided(mesh)
    for reach in FINE_REACHES:
        progress(85, "comparing photos")
        mesh = refiner.moved(mesh, reach * step)
    return mesh


def _footprint(maps: list[DepthMap]) -> float:
    """Width of the depth maps' pixels on what they show, in world units."""
    return float(np.median([value for one in maps if (value := one.footprint()) > 0]))


def _footprint_at(maps: list[DepthMap], place: NDArray[np.float64]) -> float:
    """The same at a place [3]."""
    away = [np.linalg.norm(one.camera.camera_to_world[:3, 3] - place) / one.camera.fx for one in maps]
    return float(np.median(away))


def _resolution(footprint: float, side: float, disagreement: float) -> int:
    """Voxels along the longest side: as many as the depth maps can tell apart (a finer grid shows their noise), and
    none smaller than what they disagree by."""
    wanted = VOXELS_PER_FOOTPRINT * side / footprint
    if disagreement > 0:
        wanted = min(wanted, side / disagreement)
    return round(min(max(wanted, MIN_RESOLUTION), MAX_RESOLUTION))


def _tolerance(side: float, resolution: int) -> float:
    """How far a surface may be from where a camera saw it."""
    return TRUNCATION_VOXELS * side / resolution


def _diagonal(bounds: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.ptp(bounds, axis=0)))


def _hole_perimeter(bounds: NDArray[np.float64]) -> float:
    return HOLE_SHARE * _diagonal(bounds)
