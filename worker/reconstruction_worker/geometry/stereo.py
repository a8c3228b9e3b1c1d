"""Depth maps of an open scene from its photos, guided by the trained field and the sparse points.

A field that has seen each spot of a landscape in a few photos only knows its colours well and its depth poorly. The
photos themselves tell it better: for each of them the depth is sought at which it matches its neighbours (`sweep`),
smooth where there is nothing to match (`semiglobal`), near the sparse points where there are any and near the field's
depth where nothing else is known. What other photos' depth maps do not confirm (`agreement`), foliage for one, is taken
from the field, with so little trust that it only counts where no photo knows better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .agreement import WITNESSES, Agreement, agreed
from .cameras import project
from .field_depth import OPAQUE, DepthMap, trust
from .rendering import Camera
from .scene import View
from .semiglobal import smoothest
from .sparse import SparsePoints
from .sweep import MOST_PLANES, UNKNOWN, Grey, Planes, plane_coordinates, planes_through, sweep

NEIGHBOURS = 5
"""Photos that each one is compared with."""
FEWEST_POINTS = 12
"""Points that a photo must show, and share with a neighbour."""
GOOD_ANGLE, LARGE_ANGLE = np.radians(8.0), np.radians(35.0)
"""Angle between two photos' rays to a point from which depth is determined well, and the angle above which patches look
different."""
POINT_SAY, POINT_REACH = 1.0, 4.0
"""Cost of being `POINT_REACH` planes or more away from a sparse point, at its pixel."""
FIELD_SAY, FIELD_REACH = 0.06, 12.0
"""Cost of being `FIELD_REACH` planes or more away from the field's depth."""

CONVINCING = 0.2
"""Share of the pixels that must be confirmed for the photos to be believed rather than the field."""
FIELD_TRUST = 0.01
"""Trust in the field's depth beside what photos confirm."""


@dataclass(frozen=True)
class Detail:
    """How closely photos are compared."""

    side: int = 400
    """Longest side of the depth maps, in pixels."""
    most_planes: int = MOST_PLANES
    """Photos that need more to be compared are left out."""
    witnesses: int = WITNESSES
    """Other depth maps that must confirm a pixel's depth."""
    convincing: float = CONVINCING
    """Share of the pixels that must be confirmed."""


@dataclass(frozen=True)
class _Shot:
    """A view made ready for comparison."""

    view: View
    photo: Grey
    points: NDArray[np.float64]  # [N, 3] that it shows


def stereo_maps(
    views: list[View],
    field: dict[str, DepthMap],
    points: SparsePoints,
    done: Callable[[int], None] = lambda count: None,
    detail: Detail = Detail(),
) -> Agreement | None:
    """Depth maps of the photos that can be compared with neighbours; None where too few can (poses without points,
    photos down a street), or where they do not confirm each other. `field` has the trained field's depth by the views'
    names."""
    shots = [_shot(view, points, detail.side) for view in views]
    seen = [set(points.seen[view.name].tolist()) for view in views]
    near = [_neighbours(number, shots, seen, points.positions) for number in range(len(shots))]
    others = [[shots[n].photo for n in some] for some in near]
    planes = [_planes(shot, photos, detail.most_planes) for shot, photos in zip(shots, others, strict=True)]
    if sum(family is not None for family in planes) < max(2, len(views) / 2):
        return None
    maps, prior = [], []
    for number, (shot, family) in enumerate(zip(shots, planes, strict=True)):
        if family is not None:
            prior.append(field.get(shot.view.name))
            maps.append(_depth(shot, others[number], family, prior[-1]))
        done(number + 1)
    found = agreed(maps, detail.witnesses)
    if found.confirmed < detail.convincing:
        return None
    return replace(found, maps=[_completed(one, other) for one, other in zip(found.maps, prior, strict=True)])


def _shot(view: View, points: SparsePoints, side: int) -> _Shot:
    camera = view.camera.scaled(min(1.0, side / max(view.camera.width, view.camera.height)))
    photo = cv2.resize(view.photo()[..., :3], (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return _Shot(view, Grey(camera, grey), points.of(view))


def _neighbours(number: int, shots: list[_Shot], seen: list[set[int]], positions: NDArray[np.float64]) -> list[int]:
    """The views that together look best, and from a good distance, at the points that a view shows."""
    own = np.array(sorted(seen[number]), np.int64)
    if len(own) < FEWEST_POINTS:
        return []
    value = np.zeros((len(shots), len(own)))
    for other in range(len(shots)):
        common = np.isin(own, np.fromiter(seen[other], np.int64, len(seen[other])))
        if other != number and common.sum() >= FEWEST_POINTS:
            angle = _angles(positions[own], shots[number].photo.camera, shots[other].photo.camera)
            good = np.minimum(angle / GOOD_ANGLE, 1.0) * np.clip(2 - angle / LARGE_ANGLE, 0, 1)
            value[other] = common * good
    chosen: list[int] = []
    covered = np.zeros(len(own))
    while len(chosen) < NEIGHBOURS:
        gain = (value / (1 + covered)).sum(axis=1)
        gain[chosen] = 0
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        chosen.append(best)
        covered += value[best]
    return chosen


def _angles(positions: NDArray[np.float64], one: Camera, other: Camera) -> NDArray[np.float64]:
    """Angle between two cameras' rays to each point. [P]"""
    rays = [camera.camera_to_world[:3, 3] - positions for camera in (one, other)]
    a, b = (ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-12) for ray in rays)
    return np.arccos(np.clip((a * b).sum(axis=1), -1, 1))


def _planes(shot: _Shot, neighbours: list[Grey], most: int) -> Planes | None:
    if not neighbours:
        return None
    return planes_through(shot.photo.camera, shot.points, [other.camera for other in neighbours], most)


def _depth(shot: _Shot, neighbours: list[Grey], planes: Planes, field: DepthMap | None) -> DepthMap:
    """What the photo, its points and the field say together."""
    camera = shot.photo.camera
    cost = sweep(shot.photo, neighbours, planes)
    cost[:, planes.inverse_depth(camera, np.zeros((camera.height, camera.width))) <= 0] = UNKNOWN
    _refine_by_points(cost, camera, planes, shot.points)
    if field is not None:
        _refine_by_field(cost, camera, planes, field)
    index = smoothest(cost, shot.photo.values)
    inverse = planes.inverse_depth(camera, index)
    known = (index > 0) & (index < len(planes.offsets) - 1) & (inverse > 1e-9)
    distance = (ray_lengths(camera) / np.where(known, inverse, 1)).astype(np.float32)
    alpha = known.astype(np.float32)
    return DepthMap(camera, distance, alpha, trust(camera, distance, alpha))


def _completed(one: DepthMap, field: DepthMap | None) -> DepthMap:
    """A depth map with the field's depth, hardly trusted, where it has none."""
    if field is None:
        return one
    distance, alpha = resampled(field, one.camera)
    missing = (one.alpha < OPAQUE) & (alpha >= OPAQUE)
    say = FIELD_TRUST * trust(one.camera, distance, alpha)
    return DepthMap(
        one.camera,
        np.where(missing, distance, one.distance),
        np.where(missing, alpha, one.alpha),
        np.where(missing, say, one.trust),
    )


def _refine_by_points(cost: NDArray[np.float32], camera: Camera, planes: Planes, points: NDArray[np.float64]) -> None:
    """Make planes costlier the farther they are from a sparse point, at the point's pixel."""
    pixels, depth = project(camera, points)
    column, row = np.floor(pixels).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height) & (depth > 0)
    column, row, inverse = column[inside], row[inside], 1 / depth[inside]
    whole = np.zeros((camera.height, camera.width))
    whole[row, column] = inverse
    index = planes.index(camera, whole)[row, column]
    away = np.abs(np.arange(len(planes.offsets))[:, None] - index[None, :])
    cost[:, row, column] += (POINT_SAY * np.minimum(away / POINT_REACH, 1)).astype(np.float32)


def _refine_by_field(cost: NDArray[np.float32], camera: Camera, planes: Planes, field: DepthMap) -> None:
    """Make planes a little costlier the farther they are from the field's depth."""
    distance, alpha = resampled(field, camera)
    opaque = (alpha >= OPAQUE) & (distance > 0)
    index = planes.index(camera, ray_lengths(camera) / np.where(opaque, distance, 1))
    say = np.where(opaque, np.float32(FIELD_SAY), np.float32(0))
    for k in range(len(planes.offsets)):
        cost[k] += say * np.minimum(np.abs(index - k) / FIELD_REACH, 1).astype(np.float32)


def resampled(one: DepthMap, camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distance and alpha of a depth map for a camera at the same place; alpha is 0 outside of the map. [H, W] each"""
    u, v = plane_coordinates(camera)
    x = np.tile((u * one.camera.fx + one.camera.cx - 0.5).astype(np.float32), (camera.height, 1))
    y = np.tile((v * one.camera.fy + one.camera.cy - 0.5).astype(np.float32)[:, None], (1, camera.width))
    distance = cv2.remap(one.distance.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.remap(one.alpha.astype(np.float32), x, y, cv2.INTER_LINEAR)
    return np.asarray(distance, np.float32), np.asarray(alpha, np.float32)


def ray_lengths(camera: Camera) -> NDArray[np.float64]:
    """Distance along the ray for a z-depth of 1. [H, W]"""
    u, v = plane_coordinates(camera)
    return np.sqrt(1 + u[None, :] ** 2 + v[:, None] ** 2)
