"""Colour for each texel, from the photos that see it.

Photos are blended in two bands, after P. Burt and E. Adelson, "A multiresolution spline with application to image
mosaics", 1983: coarse colour is the mean of several views, so that their exposures meet without a seam; fine detail
comes almost alone from the view that sees the spot best, so that small errors of geometry and pose do not blur it. A
view whose colour disagrees with the others (a reflection, something in front of the object) is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree

from ..engines.base import Camera
from .atlas import Atlas, Texels
from .compiled import kernel
from .raycast import Caster
from .scene import View
from .tsdf import camera_arrays

CANDIDATES = 6
"""Views kept for a texel, the best ones."""
TEXELS_AT_ONCE = 1 << 22
BUFFER_SIDE = 800
"""Longest side of the depth buffers that decide on visibility, in pixels."""
OPAQUE_PHOTO = 250
"""Alpha from which a pixel of a photo shows nothing but the object."""
EDGE = 0.02
"""Step of depth between neighbouring pixels, as a share of the depth, that counts as an edge of what hides the rest."""
FEATHER = 0.015
"""Share of the photo's side over which a view fades out towards its border and towards edges of what hides the rest."""
MIN_COSINE = 0.15
"""Views that see a spot flatter than this do not colour it."""
DETAIL_EXPONENT = 8.0
"""How strongly fine detail prefers the best view; 1 would be a plain mean."""
COARSE_SHARE = 0.006
"""Standard deviation that separates coarse from fine, as a share of the photo's side."""
DISAGREEMENT = 30.0
"""Difference of colour (0..255) at which a view counts e times less than one that agrees."""
NEIGHBOURS = 12
"""Texels with a photo that give an unseen texel its colour."""


@dataclass(frozen=True)
class Baked:
    """A texture and where it came from."""

    picture: NDArray[np.uint8]  # [S, S, 3]
    photo_share: float
    """Share of the surface's texels that a photo shows."""
    views: dict[str, float]
    """For each photo the share of texels that it sees best."""


@dataclass(frozen=True)
class _Visibility:
    """What a camera sees of the mesh."""

    camera: Camera
    distance: NDArray[np.float32]  # [H, W] to the nearest surface, inf where there is none
    feather: NDArray[np.float32]  # [H, W] 0..1


def bake(
    atlas: Atlas,
    surface: Texels,
    views: list[View],
    size: int,
    progress: Callable[[float, str], None] = lambda percent, message: None,
) -> Baked:
    """Colour the texels of a picture of `size` x `size`; `progress` is told the percentage and what is going on."""
    caster = Caster(atlas.mesh)
    buffers = []
    for number, view in enumerate(views):
        buffers.append(_visibility(caster, view))
        progress(25 * (number + 1) / len(views), "what each photo sees")
    colours = np.zeros((len(surface.index), 3), np.uint8)
    best = np.full(len(surface.index), -1, np.int16)
    for begin in range(0, len(surface.index), TEXELS_AT_ONCE):
        part = slice(begin, begin + TEXELS_AT_ONCE)
        reached = 25 + 60 * begin / len(surface.index)
        progress(reached, "photos onto the surface")
        colours[part], best[part] = _blend_part(surface.points[part], surface.normals[part], views, buffers, atlas)
    progress(85, "filling what no photo shows")
    seen = best >= 0
    _fill_unseen(colours, seen, surface.points)
    picture = _with_gutter(colours, surface.index, size)
    counts = np.bincount(best[seen], minlength=len(views)) / max(len(best), 1)
    return Baked(picture, float(seen.mean()), {view.name: float(n) for view, n in zip(views, counts, strict=True)})


def _visibility(caster: Caster, view: View) -> _Visibility:
    camera = view.camera.scaled(min(1.0, BUFFER_SIDE / max(view.camera.width, view.camera.height)))
    distance = caster.view(camera).distance
    alpha = cv2.resize(view.photo()[..., 3], (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    surface = np.isfinite(distance)
    filled = np.where(surface, distance, np.float32(1e9))
    step = filled - cv2.erode(filled, np.ones((3, 3), np.uint8))
    inside = np.pad(surface & (alpha >= OPAQUE_PHOTO) & (step < EDGE * filled), 1)
    width = max(FEATHER * max(camera.width, camera.height), 2.0)
    feather = distance_transform_edt(inside)[1:-1, 1:-1] - 1  # type: ignore[operator]
    return _Visibility(camera, distance, np.clip(feather / width, 0, 1).astype(np.float32))


def _blend_part(
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    views: list[View],
    buffers: list[_Visibility],
    atlas: Atlas,
) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Colours [T, 3] and the best view of each texel [T], -1 where no photo sees it."""
    weight = np.zeros((len(points), CANDIDATES), np.float32)
    chosen = np.full((len(points), CANDIDATES), -1, np.int16)
    slack = 1e-3 * float(np.ptp(atlas.mesh.bounds(), axis=0).max())
    for number, seen in enumerate(buffers):
        arrays = camera_arrays(seen.camera)
        _choose(weight, chosen, number, points, normals, *arrays, seen.distance, seen.feather, slack)
    coarse = np.zeros((len(points), CANDIDATES, 3), np.uint8)
    full = np.zeros((len(points), CANDIDATES, 3), np.uint8)
    for number, view in enumerate(views):
        if (chosen == number).any():
            photo = view.photo()
            arrays = camera_arrays(view.camera)
            _sample(full, coarse, chosen, number, points, *arrays, photo, _blurred(photo))
    colours = np.zeros((len(points), 3), np.uint8)
    _blend(colours, weight, chosen, full, coarse)
    best = np.take_along_axis(chosen, weight.argmax(axis=1)[:, None], axis=1)[:, 0]
    return colours, best


def _blurred(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo's coarse colours; transparent pixels do not bleed into the object. [H, W, 3]"""
    alpha = photo[..., 3:].astype(np.float32) / 255
    sigma = COARSE_SHARE * max(photo.shape[:2])
    colour = cv2.GaussianBlur(photo[..., :3] * alpha, (0, 0), sigma)
    covered = cv2.GaussianBlur(alpha, (0, 0), sigma)[..., None]
    return (colour / np.maximum(covered, 1e-4)).clip(0, 255).astype(np.uint8)


def _fill_unseen(colours: NDArray[np.uint8], seen: NDArray[np.bool_], points: NDArray[np.float32]) -> None:
    """Give texels that no photo sees the mean colour of the nearest ones in space that some photo sees."""
    known, unknown = np.flatnonzero(seen), np.flatnonzero(~seen)
    if len(known) == 0:
        colours[:] = 128
        return
    if len(unknown) == 0:
        return
    known = known[:: max(1, len(known) // 200_000)]
    distance, neighbour = KDTree(points[known]).query(points[unknown], k=min(NEIGHBOURS, len(known)), workers=-1)
    distance, neighbour = distance.reshape(len(unknown), -1), neighbour.reshape(len(unknown), -1)
    share = 1 / np.maximum(distance, 1e-6)
    share /= share.sum(axis=1, keepdims=True)
    colours[unknown] = np.einsum("tk,tkc->tc", share, colours[known[neighbour]].astype(np.float32)).astype(np.uint8)


def _with_gutter(colours: NDArray[np.uint8], index: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """The picture with each texel off the surface in the colour of the nearest one on it. [S, S, 3]"""
    empty = np.ones(size * size, np.uint8)
    empty[index] = 0
    picture = np.zeros((size * size, 3), np.uint8)
    picture[index] = colours
    _, label = cv2.distanceTransformWithLabels(
        empty.reshape(size, size), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    source = np.zeros(int(label.max()) + 1, np.int64)
    nearest = label.ravel().astype(np.int64)
    source[nearest[index]] = index
    return picture[source[nearest]].reshape(size, size, 3)


@njit(inline="always")
def _pixel(point, rotation, centre, lens):  # pragma: no cover - compiled
    """Pixel coordinates and z-depth of a point."""
    x, y, z = point[0] - centre[0], point[1] - centre[1], point[2] - centre[2]
    depth = -(rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z)
    if depth <= 1e-9:
        return -1.0, -1.0, -1.0
    column = (rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z) / depth * lens[0] + lens[2]
    row = -(rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z) / depth * lens[1] + lens[3]
    return column, row, depth


@njit(inline="always")
def _bilinear(picture, x, y, channel):  # pragma: no cover - compiled
    left, top = int(x), int(y)
    u, v = x - left, y - top
    upper = picture[top, left, channel] * (1 - u) + picture[top, left + 1, channel] * u
    lower = picture[top + 1, left, channel] * (1 - u) + picture[top + 1, left + 1, channel] * u
    return upper * (1 - v) + lower * v


@kernel()
def _choose(
    weight, chosen, number, points, normals, rotation, centre, lens, distance, feather, slack
):  # pragma: no cover - compiled
    """Put a view among the candidates of each texel that it sees, weighted by the texel's size in the photo."""
    height, width = distance.shape
    for t in prange(len(points)):
        column, row, depth = _pixel(points[t], rotation, centre, lens)
        if depth < 0 or column < 0 or row < 0 or column >= width or row >= height:
            continue
        x, y, z = centre[0] - points[t, 0], centre[1] - points[t, 1], centre[2] - points[t, 2]
        reach = np.sqrt(x * x + y * y + z * z)
        cosine = (x * normals[t, 0] + y * normals[t, 1] + z * normals[t, 2]) / reach
        if cosine < MIN_COSINE:
            continue
        slope = np.sqrt(1 - min(cosine * cosine, 1.0)) / cosine
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


@kernel()
def _sample(
    full, coarse, chosen, number, points, rotation, centre, lens, photo, blurred
):  # pragma: no cover - compiled
    """Bilinear colours of one photo for the texels that chose it."""
    height, width = blurred.shape[:2]
    for t in prange(len(points)):
        for k in range(CANDIDATES):
            if chosen[t, k] != number:
                continue
            column, row, _ = _pixel(points[t], rotation, centre, lens)
            x = min(max(column - 0.5, 0.0), width - 1.001)
            y = min(max(row - 0.5, 0.0), height - 1.001)
            for c in range(3):
                full[t, k, c] = np.uint8(_bilinear(photo, x, y, c) + 0.5)
                coarse[t, k, c] = np.uint8(_bilinear(blurred, x, y, c) + 0.5)


@kernel()
def _blend(colours, weight, chosen, full, coarse):  # pragma: no cover - compiled
    """Coarse colour from all candidates that agree, detail from the best of them."""
    for t in prange(len(colours)):
        strongest, centre, least = 0.0, -1, np.inf
        for k in range(CANDIDATES):  # the candidate that is closest to all others stands for the truth
            if chosen[t, k] < 0:
                continue
            strongest = max(strongest, weight[t, k])
            away = 0.0
            for m in range(CANDIDATES):
                if chosen[t, m] >= 0:
                    gap = 0.0
                    for c in range(3):
                        gap += abs(float(coarse[t, k, c]) - float(coarse[t, m, c]))
                    away += np.sqrt(weight[t, m]) * gap
            if away < least:
                least, centre = away, k
        if centre < 0:
            continue
        low, high = np.zeros(3), np.zeros(3)
        low_sum, high_sum = 0.0, 0.0
        for k in range(CANDIDATES):
            if chosen[t, k] < 0:
                continue
            gap = 0.0
            for c in range(3):
                gap = max(gap, abs(float(coarse[t, k, c]) - float(coarse[t, centre, c])))
            agree = np.exp(-((gap / DISAGREEMENT) ** 2))
            wide = weight[t, k] * agree
            narrow = (weight[t, k] / strongest) ** DETAIL_EXPONENT * agree
            low_sum += wide
            high_sum += narrow
            for c in range(3):
                low[c] += wide * coarse[t, k, c]
                high[c] += narrow * (float(full[t, k, c]) - float(coarse[t, k, c]))
        for c in range(3):
            value = low[c] / low_sum + high[c] / max(high_sum, 1e-12)
            colours[t, c] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
