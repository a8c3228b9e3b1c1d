"""Which photos see which points of a mesh, and how well."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..compiled import threaded
from .mesh import Mesh
from .raycast import Caster
from .rendering import Camera
from .scene import View
from .tsdf import camera_arrays

CANDIDATES = 6
"""Views kept for a point, the best ones."""
BUFFER_SIDE = 800
"""Longest side of the depth buffers that decide on visibility, in pixels."""
MOST_KEPT = 100
"""Photos of which it is kept in memory what they see: 5 MB each."""
OPAQUE_PHOTO = 250
"""Alpha from which a pixel of a photo shows nothing but the object."""
EDGE = 0.02
"""Step of depth between neighbouring pixels, as a share of the depth, that counts as an edge of what hides the rest."""
FEATHER = 0.015
"""Share of the photo's side over which a view fades out towards its border and towards edges of what hides the rest."""
MIN_COSINE = 0.15
"""Views that see a spot flatter than this do not count."""
SLACK = 1e-3
"""What a surface may hide behind itself, as a share of the mesh's size: the accuracy of the depth buffers."""


@dataclass(frozen=True)
class Visibility:
    """What a camera sees of a mesh."""

    camera: Camera
    distance: NDArray[np.float32]  # [H, W] to the nearest surface, inf where there is none
    feather: NDArray[np.float32]  # [H, W] 0..1


class Sightings:
    """What photos see of a mesh, made when it is first asked for; made again each time of many photos."""

    def __init__(self, mesh: Mesh):
        self.caster = Caster(mesh)
        self._kept: dict[str, Visibility] = {}

    def of(self, views: Sequence[View], done: Callable[[int], None] = lambda number: None) -> Iterable[Visibility]:
        """Of each view; may be gone through again. `done` hears how many are made."""
        if len(views) > MOST_KEPT:
            self._kept.clear()
            return _Again(self.caster, views, done)
        for number, view in enumerate(views):
            if view.name not in self._kept:
                self._kept[view.name] = visibility(self.caster, view)
                done(number + 1)
        return [self._kept[view.name] for view in views]


@dataclass(frozen=True)
class _Again:
    caster: Caster
    views: Sequence[View]
    done: Callable[[int], None]

    def __iter__(self) -> Iterator[Visibility]:
        for number, view in enumerate(self.views):
            yield visibility(self.caster, view)
            self.done(number + 1)


@dataclass(frozen=True)
class Candidates:
    """The best views of each point. Entries are in no order."""

    view: NDArray[np.int16]  # [N, CANDIDATES] number of the view, -1 where there is none
    weight: NDArray[np.float32]  # [N, CANDIDATES] area that a unit of the surface has in the photo, 0 where none

    def best(self) -> NDArray[np.int16]:
        """Number of the view that sees each point best, -1 where none does. [N]"""
        return np.take_along_axis(self.view, self.weight.argmax(axis=1)[:, None], axis=1)[:, 0]


def visibility(caster: Caster, view: View) -> Visibility:
    """Depth buffer of the mesh for one photo, and how far each pixel is from where the photo can't be trusted."""
    camera = view.camera.scaled(min(1.0, BUFFER_SIDE / max(view.camera.width, view.camera.height)))
    distance = caster.view(camera).distance
    alpha = cv2.resize(view.photo()[..., 3], (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    surface = np.isfinite(distance)
    filled = np.where(surface, distance, np.float32(1e9))
    step = filled - cv2.erode(filled, np.ones((3, 3), np.uint8))
    inside = np.pad(surface & (alpha >= OPAQUE_PHOTO) & (step < EDGE * filled), 1)
    width = max(FEATHER * max(camera.width, camera.height), 2.0)
    away = np.asarray(distance_transform_edt(inside))[1:-1, 1:-1] - 1
    return Visibility(camera, distance, np.clip(away / width, 0, 1).astype(np.float32))


def candidates(
    points: NDArray[np.float32], normals: NDArray[np.float32], views: Iterable[Visibility], size: float
) -> Candidates:
    """The best views of points [N, 3] with unit normals [N, 3] on a mesh whose longest side is `size`."""
    weight = np.zeros((len(points), CANDIDATES), np.float32)
    chosen = np.full((len(points), CANDIDATES), -1, np.int16)
    for number, seen in enumerate(views):
        view = (*camera_arrays(seen.camera), seen.distance, seen.feather)
        _choose(len(points), weight, chosen, number, points, normals, *view, SLACK * size)
    return Candidates(chosen, weight)


@njit
def pixel(point, rotation, centre, lens):  # pragma: no cover - compiled
    """Column, row (a pixel's centre is at .5) and z-depth of a point; all -1 behind the camera."""
    x, y, z = point[0] - centre[0], point[1] - centre[1], point[2] - centre[2]
    depth = -(rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z)
    if depth <= 1e-9:
        return -1.0, -1.0, -1.0
    column = (rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z) / depth * lens[0] + lens[2]
    row = -(rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z) / depth * lens[1] + lens[3]
    return column, row, depth


@threaded()
def _choose(
    begin, end, weight, chosen, number, points, normals, rotation, centre, lens, distance, feather, slack
):  # pragma: no cover - compiled
    """Put a view among the candidates of each point that it sees, in place of the worst."""
    height, width = distance.shape
    for t in range(begin, end):
        column, row, depth = pixel(points[t], rotation, centre, lens)
        if depth < 0 or column < 0 or row < 0 or column >= width or row >= height:
            continue
        x, y, z = centre[0] - points[t, 0], centre[1] - points[t, 1], centre[2] - points[t, 2]
        reach = math.sqrt(x * x + y * y + z * z)
        cosine = (x * normals[t, 0] + y * normals[t, 1] + z * normals[t, 2]) / reach
        if cosine < MIN_COSINE:
            continue
        slope = math.sqrt(1 - min(cosine * cosine, 1.0)) / cosine
        nearest = distance[int(row), int(column)]
        if reach > nearest + slack + 1.5 * slope * reach / lens[0]:
            continue
        share = feather[int(row), int(column)] * cosine * cosine * (lens[0] / reach) ** 2
        if share <= 0:
            continue
        least = 0
        for k in range(1, CANDIDATES):
            if weight[t, k] < weight[t, least]:
                least = k
        if share > weight[t, least]:
            weight[t, least] = share
            chosen[t, least] = number
