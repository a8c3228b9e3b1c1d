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
from .field_depth import DepthMap, trust
from .matching import completed, prefer_field, prefer_points, ray_lengths
from .neighbours import neighbours
from .scene import View
from .semiglobal import smoothest
from .sparse import SparsePoints
from .sweep import MOST_PLANES, UNKNOWN, Grey, Planes, planes_through, sweep

NEIGHBOURS = 5
"""Photos that each one is compared with."""
CONVINCING = 0.2
"""Share of the pixels that must be confirmed for the photos to be believed rather than the field."""


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
    cameras, seen = [shot.photo.camera for shot in shots], points.shown_by(views)
    near = [neighbours(number, cameras, points.positions, seen, NEIGHBOURS) for number in range(len(shots))]
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
    return replace(found, maps=[completed(one, other) for one, other in zip(found.maps, prior, strict=True)])


def _shot(view: View, points: SparsePoints, side: int) -> _Shot:
    camera = view.camera.scaled(min(1.0, side / max(view.camera.width, view.camera.height)))
    photo = cv2.resize(view.photo()[..., :3], (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return _Shot(view, Grey(camera, grey), points.of(view))


def _planes(shot: _Shot, others: list[Grey], most: int) -> Planes | None:
    if not others:
        return None
    return planes_through(shot.photo.camera, shot.points, [other.camera for other in others], most)


def _depth(shot: _Shot, others: list[Grey], planes: Planes, field: DepthMap | None) -> DepthMap:
    """What the photo, its points and the field say together."""
    camera = shot.photo.camera
    cost = sweep(shot.photo, others, planes)
    cost[:, planes.inverse_depth(camera, np.zeros((camera.height, camera.width))) <= 0] = UNKNOWN
    prefer_points(cost, camera, planes, shot.points)
    if field is not None:
        prefer_field(cost, camera, planes, field)
    index = smoothest(cost, shot.photo.values)
    inverse = planes.inverse_depth(camera, index)
    known = (index > 0) & (index < len(planes.offsets) - 1) & (inverse > 1e-9)
    distance = (ray_lengths(camera) / np.where(known, inverse, 1)).astype(np.float32)
    alpha = known.astype(np.float32)
    return DepthMap(camera, distance, alpha, trust(camera, distance, alpha))
