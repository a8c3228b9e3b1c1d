"""Moves the surface to where the photos agree.

A field's depth is soft and a little too deep; photos are sharp. Each vertex looks along its normal for the offset at
which a small patch of the tangent plane looks the same in the photos that see it (normalised cross-correlation, as in
Y. Furukawa and J. Ponce, "Accurate, dense, and robust multi-view stereopsis", PAMI 2010). Offsets are then made to
agree with their neighbours', the more so the less the photos had to say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..compiled import threaded
from .field_depth import within_budget
from .mesh import Mesh, vertex_normals
from .raycast import Caster
from .scene import View
from .surface import neighbour_mean, smoothed
from .tsdf import camera_arrays
from .visibility import CANDIDATES, Candidates, candidates, pixel, visibility

STEPS = 6
"""Offsets tried on each side of the surface."""
PATCH = 3
"""A patch has 2 PATCH + 1 samples a side, a pixel of the best photo apart."""
RELUCTANCE = 0.05
"""Correlation that the farthest offset must gain over staying: a plain surface looks alike wherever it is."""
LIKENESS = 0.6
"""Correlation from which an offset is believed at all."""
FLAT, DISTINCT = 0.005, 0.06
"""Second differences of the correlation between which a maximum goes from meaningless to sure."""
CONTRAST = 3.0
"""Standard deviation of a patch's grey values (0..255) below which it is too plain to be found again."""
STIFFNESS, INERTIA = 1.0, 0.005
"""Weights of a vertex's neighbours, and of staying where it is, against a perfectly sure measurement."""
ROUNDS = 60
"""Steps of the iteration that makes neighbours agree."""
NORMAL_ROUNDS = 6
SMOOTHING_ROUNDS = 3
PHOTO_SIDE, MOST_PIXELS = 1600, 300_000_000
"""Photos with a longer side are scaled down for the comparison, and all where together they have more pixels."""


@dataclass(frozen=True)
class _Photos:
    """Grey photos, one behind the other, with their cameras, for compiled loops."""

    pixels: NDArray[np.uint8]  # all photos' rows; 0 is transparent, other values are at least 1
    start: NDArray[np.int64]  # [N] of each photo in `pixels`
    size: NDArray[np.int64]  # [N, 2] height, width
    rotation: NDArray[np.float64]  # [N, 3, 3] world to camera
    centre: NDArray[np.float64]  # [N, 3]
    lens: NDArray[np.float64]  # [N, 4] fx, fy, cx, cy


class Refiner:
    """Photos prepared for moving meshes to where they agree."""

    def __init__(self, views: list[View]):
        self._views = views
        self._photos = _load(views)

    def moved(self, mesh: Mesh, reach: float) -> Mesh:
        """The mesh with its vertices moved along their normals by at most `reach` (world units), and smoothed."""
        caster, mean = Caster(mesh), neighbour_mean(mesh)
        normals = _calm_normals(mesh, mean)
        size = float(np.ptp(mesh.bounds(), axis=0).max())
        seen = candidates(
            mesh.vertices.astype(np.float32),
            normals.astype(np.float32),
            (visibility(caster, view) for view in self._views),
            size,
        )
        offsets, trust = _measured(mesh, normals, self._photos, seen, reach)
        vertices = mesh.vertices + normals * _agreed(offsets, trust, mean, reach)[:, None]
        return smoothed(Mesh(vertices, mesh.faces), SMOOTHING_ROUNDS)


def _calm_normals(mesh: Mesh, mean: csr_array) -> NDArray[np.float64]:
    """Unit normals averaged over some neighbourhood, so that neighbours do not move across each other. [V, 3]"""
    normals = vertex_normals(mesh)
    for _ in range(NORMAL_ROUNDS):
        normals = mean @ normals
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _measured(
    mesh: Mesh, normals: NDArray[np.float64], photos: _Photos, seen: Candidates, reach: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each vertex the offset at which the photos agree best, and how much to trust it (0..1)."""
    offsets, trust = np.zeros(len(mesh.vertices)), np.zeros(len(mesh.vertices))
    order = np.argsort(-seen.weight, axis=1)
    chosen = np.ascontiguousarray(np.take_along_axis(seen.view, order, axis=1))
    _search(
        len(mesh.vertices),
        offsets,
        trust,
        mesh.vertices,
        normals,
        chosen,
        photos.pixels,
        photos.start,
        photos.size,
        photos.rotation,
        photos.centre,
        photos.lens,
        reach,
    )
    return offsets, trust


def _agreed(
    offsets: NDArray[np.float64], trust: NDArray[np.float64], mean: csr_array, reach: float
) -> NDArray[np.float64]:
    """Offsets that follow the trusted measurements and vary little from vertex to vertex.

    Minimises the sum of trust (x - offset)^2, STIFFNESS (x - neighbours' mean)^2 and INERTIA x^2 by Jacobi iteration;
    then once more without the measurements that are far from what their neighbours say.
    """
    result = np.zeros_like(offsets)
    for outlier_scale in (np.inf, 0.25 * reach):
        believed = trust * np.exp(-(((offsets - result) / outlier_scale) ** 2))
        for _ in range(ROUNDS):
            result = (believed * offsets + STIFFNESS * (mean @ result)) / (believed + STIFFNESS + INERTIA)
    return result


def _load(views: list[View]) -> _Photos:
    pictures, cameras = [], []
    sides = (max(view.camera.width, view.camera.height) for view in views)
    small = [view.camera.scaled(min(1.0, PHOTO_SIDE / side)) for view, side in zip(views, sides, strict=True)]
    for view, camera in zip(views, within_budget(small, MOST_PIXELS), strict=True):
        photo = cv2.resize(view.photo(), (camera.width, camera.height), interpolation=cv2.INTER_AREA)
        grey = np.maximum(cv2.cvtColor(photo[..., :3], cv2.COLOR_RGB2GRAY), 1)
        pictures.append(np.where(photo[..., 3] >= 250, grey, 0).astype(np.uint8).ravel())
        cameras.append(camera)
    arrays = [camera_arrays(camera) for camera in cameras]
    lengths = np.array([len(picture) for picture in pictures])
    return _Photos(
        np.concatenate(pictures),
        np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
        np.array([[camera.height, camera.width] for camera in cameras], np.int64),
        *(np.stack([one[k] for one in arrays]) for k in range(3)),
    )


@njit
def _grey(pixels, start, height, width, column, row):  # pragma: no cover - compiled
    """Bilinear grey value; -1 outside of the photo or of the object."""
    x, y = column - 0.5, row - 0.5
    if x < 0 or y < 0 or x >= width - 1 or y >= height - 1:
        return -1.0
    left, top = int(x), int(y)
    at = start + top * width + left
    a, b, c, d = pixels[at], pixels[at + 1], pixels[at + width], pixels[at + width + 1]
    if a == 0 or b == 0 or c == 0 or d == 0:
        return -1.0
    u, v = x - left, y - top
    return (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v


@njit
def _patch(values, frame, view, pixels, start, size, rotation, centre, lens):  # pragma: no cover - compiled
    """Fill `values` with a patch's grey values, minus their mean; returns their norm, 0 for one that can't be used.

    `frame` [3, 3] has the patch's middle and the steps from one sample to the next, across and along.
    """
    side = 2 * PATCH + 1
    total = 0.0
    point = np.empty(3)
    for i in range(side):
        for j in range(side):
            for axis in range(3):
                point[axis] = frame[0, axis] + (i - PATCH) * frame[1, axis] + (j - PATCH) * frame[2, axis]
            column, row, depth = pixel(point, rotation[view], centre[view], lens[view])
            if depth < 0:
                return 0.0
            value = _grey(pixels, start[view], size[view, 0], size[view, 1], column, row)
            if value < 0:
                return 0.0
            values[i * side + j] = value
            total += value
    squares = 0.0
    for k in range(side * side):
        values[k] -= total / (side * side)
        squares += values[k] * values[k]
    return math.sqrt(squares)


@njit
def _likeness(mine, other, frame, views, pixels, start, size, rotation, centre, lens):  # pragma: no cover - compiled
    """Mean correlation of a patch in the first of `views` with the others; -1 where it can't be determined."""
    strength = _patch(mine, frame, views[0], pixels, start, size, rotation, centre, lens)
    if strength < CONTRAST * (2 * PATCH + 1):
        return -1.0
    total, seen = 0.0, 0
    for k in range(1, CANDIDATES):
        if views[k] < 0:
            break
        theirs = _patch(other, frame, views[k], pixels, start, size, rotation, centre, lens)
        if theirs > 0:
            product = 0.0
            for sample in range(len(mine)):
                product += mine[sample] * other[sample]
            total += product / (strength * theirs)
            seen += 1
    return total / seen if seen > 0 else -1.0


@njit
def _orient(frame, normal, spacing):  # pragma: no cover - compiled
    """Two steps of length `spacing` at right angles to a unit normal and to each other."""
    x, y, z = normal
    if abs(z) < 0.9:
        length = math.sqrt(x * x + y * y)
        ax, ay, az = y / length, -x / length, 0.0
    else:
        length = math.sqrt(y * y + z * z)
        ax, ay, az = 0.0, z / length, -y / length
    frame[1, 0], frame[1, 1], frame[1, 2] = ax * spacing, ay * spacing, az * spacing
    frame[2, 0] = (y * az - z * ay) * spacing
    frame[2, 1] = (z * ax - x * az) * spacing
    frame[2, 2] = (x * ay - y * ax) * spacing


@njit
def _best_offset(point, normal, views, pixels, start, size, rotation, centre, lens, reach):  # pragma: no cover
    """The offset at which the photos agree best, to a fraction of a step, and its trust."""
    frame = np.empty((3, 3))
    away = 0.0
    for axis in range(3):
        away += (centre[views[0], axis] - point[axis]) ** 2
    _orient(frame, normal, math.sqrt(away) / lens[views[0], 0])
    mine, other = np.empty((2 * PATCH + 1) ** 2), np.empty((2 * PATCH + 1) ** 2)
    scores = np.empty(2 * STEPS + 1)
    best = 0
    for step in range(2 * STEPS + 1):
        for axis in range(3):
            frame[0, axis] = point[axis] + normal[axis] * (reach * (step - STEPS) / STEPS)
        scores[step] = _likeness(mine, other, frame, views, pixels, start, size, rotation, centre, lens)
        if scores[step] > -1.0:
            scores[step] -= RELUCTANCE * ((step - STEPS) / STEPS) ** 2
        if scores[step] > scores[best]:
            best = step
    if best == 0 or best == 2 * STEPS or scores[best] < LIKENESS:
        return 0.0, 0.0
    left, middle, right = scores[best - 1], scores[best], scores[best + 1]
    bend = left - 2 * middle + right
    if left == -1.0 or right == -1.0 or -bend <= FLAT:
        return 0.0, 0.0
    offset = reach * (best - STEPS + 0.5 * (left - right) / bend) / STEPS
    distinct = min((-bend - FLAT) / (DISTINCT - FLAT), 1.0)
    return offset, (middle - LIKENESS) / (1 - LIKENESS) * distinct


@threaded()
def _search(
    begin, end, offsets, trust, vertices, normals, chosen, pixels, start, size, rotation, centre, lens, reach
):  # pragma: no cover - compiled
    """For each vertex that two photos see the best offset and its trust."""
    for vertex in range(begin, end):
        if chosen[vertex, 1] >= 0:
            offsets[vertex], trust[vertex] = _best_offset(
                vertices[vertex], normals[vertex], chosen[vertex], pixels, start, size, rotation, centre, lens, reach
            )
