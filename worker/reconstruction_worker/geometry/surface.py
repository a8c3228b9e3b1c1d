"""From a fused distance function to a clean mesh."""

from __future__ import annotations

import fast_simplification
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from skimage.measure import marching_cubes

from ..compiled import threaded
from .field_depth import OPAQUE, DepthMap
from .holes import without_holes
from .matching import FIELD_TRUST
from .mesh import (
    Mesh,
    boundary_edges,
    compacted,
    edge_counts,
    face_cross,
    half_edges,
    piece_areas,
    vertex_normals,
    with_faces,
)
from .tsdf import Fused, camera_arrays

TAUBIN_FORWARD, TAUBIN_BACKWARD = 0.5, -0.53
"""Factors of G. Taubin, "Curve and surface smoothing without shrinkage", ICCV 1995."""
FACING = 0.05
"""Cosine between a surface and a camera's ray below which the camera sees it edge-on."""
MANY_VIEWS = 6
"""Depth maps from which on what photos do not confirm must be seen by more cameras."""
FRINGE = 0.6
"""How wide a fringe may be that is trimmed: share of the side of the largest patch that may be unseen."""
REPAIR_SHARE = 0.005
"""Share of the wanted triangles kept free for repairs after the simplification."""
LEAST_AREA, MAIN_AREA = 0.5, 0.95
"""Of the surface, that simplifying must leave; and that its largest pieces have, where it does not."""
REPAIR_ROUNDS = 5
PINCH_ROUNDS = 10
BORDER_ROUNDS = 12
"""Steps along the surface over which the border of what was seen is evened out."""


def iso_surface(fused: Fused, unseen_is_solid: bool, cells: NDArray[np.bool_] | None = None) -> Mesh | None:
    """The zero level, in the given `cells` [X - 1, Y - 1, Z - 1] only unless they are None; None when there is none.

    With `unseen_is_solid`, pockets that no camera saw into are closed by the surface they have at least (`observed`
    takes away what this adds elsewhere); otherwise the surface ends where nothing more was seen.
    """
    seen = fused.weight > 0
    distance = np.where(seen, fused.distance, np.float32(-1 if unseen_is_solid else 1))
    mask = None if unseen_is_solid else _surrounded(seen)
    if cells is not None:
        at_upper_corner = np.pad(cells, ((1, 0), (1, 0), (1, 0)))
        mask = at_upper_corner if mask is None else mask & at_upper_corner
    try:
        vertices, faces, _, _ = marching_cubes(distance, 0.0, mask=mask, gradient_direction="descent")
    except (ValueError, RuntimeError):  # skimage's way of saying that the level is nowhere
        return None
    return Mesh(vertices.astype(np.float64) * fused.grid.voxel + fused.grid.origin, faces.astype(np.int32))


def _surrounded(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells with all corners seen, each at the index of its upper corner: where skimage looks it up. [X, Y, Z]"""
    cells = seen[:-1, :-1, :-1].copy()
    for corner in range(1, 8):
        x, y, z = corner & 1, corner >> 1 & 1, corner >> 2
        cells &= seen[x : x - 1 or None, y : y - 1 or None, z : z - 1 or None]
    return np.pad(cells, ((1, 0), (1, 0), (1, 0)))


def observed(mesh: Mesh, maps: list[DepthMap], tolerance: float, views: int, patch: float) -> Mesh:
    """The part of the surface that at least `views` cameras saw from its front, where they saw it (within `tolerance`),
    with the patches up to an area of `patch` that it surrounds.

    What is left of a face scan is an open front, of a flight over terrain an open sheet. The border of what was seen is
    evened out along the surface; otherwise it would be as ragged as the depth maps' pixels. A fringe that photos do not
    confirm, and that few cameras agree on, is trimmed.
    """
    normals = vertex_normals(mesh)
    witnesses, sure = np.zeros(len(mesh.vertices), np.int32), np.zeros(len(mesh.vertices), np.int32)
    for one in maps:
        seen_by = (*camera_arrays(one.camera), one.distance, one.alpha, one.trust)
        _witness(len(normals), witnesses, sure, mesh.vertices, normals, *seen_by, tolerance)
    mean = neighbour_mean(mesh)
    keep = np.all(_evened(mean, witnesses >= min(views, len(maps)))[mesh.faces], axis=1)
    hidden = np.flatnonzero(~keep)
    if len(hidden) and keep.any():
        areas, labels = piece_areas(Mesh(mesh.vertices, mesh.faces[hidden]))
        keep[hidden] = (areas < patch)[labels]
    if len(maps) >= MANY_VIEWS:
        weak = ~_evened(mean, 2 * witnesses + sure >= 3 * views)
        keep &= ~np.any(_fringe(mesh, keep, weak, mean, round(FRINGE * np.sqrt(patch) / tolerance))[mesh.faces], axis=1)
    return with_faces(mesh, keep)


def _evened(mean: csr_array, marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Marked vertices with an even border along the surface. [V]"""
    share = marked.astype(np.float64)
    for _ in range(BORDER_ROUNDS):
        share = mean @ share
    return share > 0.5


def _fringe(
    mesh: Mesh, keep: NDArray[np.bool_], weak: NDArray[np.bool_], mean: csr_array, steps: int
) -> NDArray[np.bool_]:
    """Weak vertices that so many steps over weak ones lead to from the border of the kept faces [F]. [V]"""
    border = np.zeros(len(mesh.vertices), np.bool_)
    border[boundary_edges(Mesh(mesh.vertices, mesh.faces[keep]))] = True
    reached = border & weak
    for _ in range(steps):
        reached |= weak & (mean @ reached.astype(np.float64) > 0)
    return reached


def without_pinches(mesh: Mesh) -> Mesh:
    """Without the faces at vertices where two borders meet: there the surface hangs together in a point only."""
    for _ in range(PINCH_ROUNDS):
        starts, counts = np.unique(boundary_edges(mesh)[:, 0], return_counts=True)
        pinched = starts[counts > 1]
        if len(pinched) == 0:
            break
        mesh = with_faces(mesh, np.all(~np.isin(mesh.faces, pinched), axis=1))
    return mesh


def smoothed(mesh: Mesh, rounds: int) -> Mesh:
    """Taubin smoothing: removes the voxels' steps, keeps the volume. A border is smoothed along itself only."""
    mean = neighbour_mean(mesh)
    vertices = mesh.vertices
    for _ in range(rounds):
        for factor in (TAUBIN_FORWARD, TAUBIN_BACKWARD):
            vertices = vertices + factor * (mean @ vertices - vertices)
    return Mesh(vertices, mesh.faces)


def subdivided(mesh: Mesh) -> Mesh:
    """Each triangle as four, with a vertex in the middle of each edge."""
    edges, _ = edge_counts(mesh)
    keys = edges.astype(np.int64) @ np.array([len(mesh.vertices), 1])
    sides = np.sort(half_edges(mesh), axis=1).astype(np.int64) @ np.array([len(mesh.vertices), 1])
    middle = (len(mesh.vertices) + np.searchsorted(keys, sides)).reshape(-1, 3)
    a, b, c = mesh.faces.T
    ab, bc, ca = middle.T
    faces = np.concatenate([np.stack(f, axis=1) for f in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return Mesh(np.concatenate([mesh.vertices, mesh.vertices[edges].mean(axis=1)]), faces.astype(np.int32))


def decimated(mesh: Mesh, faces: int) -> Mesh:
    """At most `faces` triangles, by quadric edge collapse (Garland and Heckbert 1997).

    Small pieces can't be collapsed any further: where they alone are more than the wanted triangles, it is the surface
    that would vanish, so they are left out instead.
    """
    result = _collapsed(mesh, faces)
    if len(mesh.faces) == 0 or result.area() >= LEAST_AREA * mesh.area():
        return result
    return _collapsed(_largest_pieces(mesh), faces)


def _collapsed(mesh: Mesh, faces: int) -> Mesh:
    for aggressiveness in (5.0, 7.0, 9.0):
        if len(mesh.faces) <= faces:
            break
        points, triangles, *_ = fast_simplification.simplify(
            mesh.vertices, mesh.faces, target_count=faces, agg=aggressiveness
        )
        mesh = compacted(_proper(Mesh(points.astype(np.float64), triangles.astype(np.int32))))
    return mesh


def _largest_pieces(mesh: Mesh) -> Mesh:
    """Those that make up `MAIN_AREA` of the surface, and at least one."""
    areas, labels = piece_areas(mesh)
    order = np.argsort(-areas, kind="stable")
    before = np.cumsum(areas[order]) - areas[order]
    return with_faces(mesh, np.isin(labels, order[before < MAIN_AREA * areas.sum()]))


def simplified(mesh: Mesh, faces: int, perimeter: float) -> Mesh:
    """At most `faces` triangles and no edge that more than two share; holes this tears are closed up to `perimeter`.

    Closing holes adds triangles, how many shows only afterwards: where they are too many, it begins again with fewer.
    """
    wanted = faces * (1 - REPAIR_SHARE)
    for _ in range(REPAIR_ROUNDS):
        result = manifold(decimated(mesh, int(wanted)), perimeter)
        if len(result.faces) <= faces:
            return result
        wanted *= (1 - REPAIR_SHARE) * faces / len(result.faces)
    return decimated(mesh, int(wanted))


def manifold(mesh: Mesh, perimeter: float) -> Mesh:
    """Without the faces at edges that more than two of them share; the holes this leaves are closed."""
    edges, counts = edge_counts(mesh)
    if (counts <= 2).all():
        return mesh
    size = len(mesh.vertices)
    bad = np.sort(edges[counts > 2].astype(np.int64) @ np.array([size, 1]))
    keys = np.sort(half_edges(mesh), axis=1).astype(np.int64) @ np.array([size, 1])
    clean = np.all(~np.isin(keys, bad).reshape(-1, 3), axis=1)
    return without_holes(with_faces(mesh, clean), perimeter)[0]


def neighbour_mean(mesh: Mesh) -> csr_array:
    """Matrix that replaces each vertex by the mean of its neighbours; of its neighbours on the border, if on one."""
    edges, counts = edge_counts(mesh)
    size = len(mesh.vertices)
    border = np.zeros(size, bool)
    border[edges[counts == 1]] = True
    along = counts == 1
    start = np.concatenate([edges[:, 0], edges[:, 1]])
    end = np.concatenate([edges[:, 1], edges[:, 0]])
    counted = ~border[start] | np.concatenate([along, along])
    start, end = start[counted], end[counted]
    degree = np.bincount(start, minlength=size)
    return coo_array((1.0 / degree[start], (start, end)), shape=(size, size)).tocsr()


def _proper(mesh: Mesh) -> Mesh:
    """Without triangles that have no area or use a vertex twice, and without copies of a triangle."""
    a, b, c = mesh.faces.T
    keep = (a != b) & (b != c) & (c != a) & (np.linalg.norm(face_cross(mesh), axis=1) > 0)
    first = np.zeros(len(keep), bool)
    first[np.unique(np.sort(mesh.faces, axis=1), axis=0, return_index=True)[1]] = True
    return Mesh(mesh.vertices, mesh.faces[keep & first])


@threaded()
def _witness(
    begin, end, witnesses, sure, vertices, normals, rotation, centre, lens, distance, alpha, trust, tolerance
):  # pragma: no cover - compiled
    """Count a camera for each vertex whose front it saw within `tolerance`, plus a pixel's width, of its depth; and one
    whose depth other photos confirm."""
    height, width = distance.shape
    for index in range(begin, end):
        x, y, z = vertices[index] - centre
        depth = -(rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z)
        if depth <= 1e-9:
            continue
        column = (rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z) / depth * lens[0] + lens[2]
        row = -(rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z) / depth * lens[1] + lens[3]
        if column < 0 or row < 0 or column >= width or row >= height:
            continue
        reach = np.sqrt(x * x + y * y + z * z)
        facing = -(normals[index, 0] * x + normals[index, 1] * y + normals[index, 2] * z) / reach
        gap = abs(distance[int(row), int(column)] - reach)
        if facing > FACING and gap < tolerance + reach / lens[0] and alpha[int(row), int(column)] >= OPAQUE:
            witnesses[index] += 1
            sure[index] += 1 if trust[int(row), int(column)] > FIELD_TRUST else 0
