"""Colour for each texel, from the photos that see it.

Photos are blended in two bands, after P. Burt and E. Adelson, "A multiresolution spline with application to image
mosaics", 1983: coarse colour is the mean of several views, so that their exposures meet without a seam; fine detail
comes almost alone from the view that sees the spot best, so that small errors of geometry and pose do not blur it. A
view whose colour disagrees with the others (a reflection, something in front of the object) is left out. Photos that
are brighter or of another tint than those beside them can be levelled first (`levelling`).

Detail may come from finer pictures than those that the coarse colours are from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ..compiled import threaded
from .atlas import Atlas, Texels
from .levelling import gains_from
from .raycast import Caster
from .rendering import Camera
from .scene import View
from .tsdf import camera_arrays
from .visibility import CANDIDATES, Visibility, candidates, pixel, visibility

TEXELS_AT_ONCE = 1 << 22
COARSE_SHARE = 0.006
"""Standard deviation that separates coarse from fine, as a share of the photo's side."""
DISAGREEMENT = 30.0
"""Difference of colour (0..255) at which a view counts e times less than one that agrees."""
MOST_KEPT = 100
"""Photos of which it is kept in memory what they see: 5 MB each."""
NEIGHBOURS = 12
"""Texels with a photo that give an unseen texel its colour."""
SAMPLED = 60_000
"""Texels by which photos are levelled."""


@dataclass(frozen=True)
class Blending:
    """How a texel's colour is made of what photos show there."""

    name: str
    detail_exponent: float = 8.0
    """How strongly fine detail prefers the best view; 1 would be a plain mean."""
    levelled: bool = False
    """Whether differences of exposure and white balance between photos are taken out first."""


BLENDINGS: Final = (
    Blending("bands"),
    Blending("bands of levelled photos", levelled=True),
    Blending("best view of levelled photos", detail_exponent=64.0, levelled=True),
)
"""Those that are tried; the first one where nothing tells which is better."""


class Finer(Protocol):
    """A larger picture of what a view shows."""

    def at(self, pixels_per_unit: float, distance: float) -> tuple[Camera, NDArray[np.uint8]] | None:
        """The camera and picture [H, W, 3 or more] that show things at a distance with about so many pixels for a
        world unit; None where the view's own picture does."""
        ...


@dataclass(frozen=True)
class Baked:
    """A texture and where it came from."""

    picture: NDArray[np.uint8]  # [S, S, 3]
    photo_share: float
    """Share of the surface's texels that a photo shows."""
    views: dict[str, float]
    """For each photo the share of texels that it sees best."""


def bake(
    atlas: Atlas,
    surface: Texels,
    views: list[View],
    size: int,
    progress: Callable[[float, str], None] = lambda percent, message: None,
    finer: Mapping[str, Finer] | None = None,
    blending: Blending = BLENDINGS[0],
) -> Baked:
    """Colour the texels of a picture of `size` x `size`; `progress` gets the percentage and what is being done, and
    `finer` has larger pictures by the views' names."""
    return baked_in_each_way(atlas, surface, views, size, (blending,), progress, finer)[0]


def baked_in_each_way(
    atlas: Atlas,
    surface: Texels,
    views: list[View],
    size: int,
    blendings: Sequence[Blending],
    progress: Callable[[float, str], None] = lambda percent, message: None,
    finer: Mapping[str, Finer] | None = None,
) -> list[Baked]:
    """What `bake` makes, for each way of blending."""
    caster = Caster(atlas.mesh)
    extent = float(np.ptp(atlas.mesh.bounds(), axis=0).max())
    buffers = _Buffers(caster, views, lambda done: progress(25 * done / len(views), "what each photo sees"))
    density = float(np.sqrt(len(surface.index) / max(atlas.mesh.area(), 1e-30)))
    gains = np.ones((len(views), 3), np.float32)
    if any(each.levelled for each in blendings):
        progress(25, "levelling the photos")
        chosen = slice(None, None, max(1, len(surface.index) // SAMPLED))
        some = _looked_up(surface.points[chosen], surface.normals[chosen], views, buffers, extent)
        gains = gains_from(some.coarse, some.view, some.weight, len(views))
    colours = [np.zeros((len(surface.index), 3), np.uint8) for _ in blendings]
    best = np.full(len(surface.index), -1, np.int16)
    for begin in range(0, len(surface.index), TEXELS_AT_ONCE):
        part = slice(begin, begin + TEXELS_AT_ONCE)
        progress(30 + 55 * begin / len(surface.index), "photos onto the surface")
        seen = _looked_up(surface.points[part], surface.normals[part], views, buffers, extent, density, finer or {})
        best[part] = seen.best
        for blending, into in zip(blendings, colours, strict=True):
            scale = gains if blending.levelled else np.ones_like(gains)
            arrays = seen.weight, seen.view, seen.full, seen.coarse, scale, blending.detail_exponent
            _blend(len(seen.view), into[part], *arrays)
    progress(85, "filling what no photo shows")
    known = best >= 0
    counts = np.bincount(best[known], minlength=len(views)) / max(len(best), 1)
    shares = {view.name: float(n) for view, n in zip(views, counts, strict=True)}
    result = []
    for into in colours:
        _fill_unseen(into, known, surface.points)
        result.append(Baked(_with_gutter(into, surface.index, size), float(known.mean()), shares))
    return result


class _Buffers:
    """What each photo sees, made again each time it is read where there are too many photos to keep it."""

    def __init__(self, caster: Caster, views: list[View], done: Callable[[int], None]):
        self._caster, self._views, self._done = caster, views, done
        self._kept = list(self._made()) if len(views) <= MOST_KEPT else None

    def __iter__(self) -> Iterator[Visibility]:
        return iter(self._made() if self._kept is None else self._kept)

    def _made(self) -> Iterator[Visibility]:
        for number, view in enumerate(self._views):
            yield visibility(self._caster, view)
            self._done(number + 1)


@dataclass(frozen=True)
class _Seen:
    """What the best views of each point show there."""

    view: NDArray[np.int16]  # [N, CANDIDATES]
    weight: NDArray[np.float32]  # [N, CANDIDATES]
    best: NDArray[np.int16]  # [N] -1 where no photo sees it
    coarse: NDArray[np.uint8]  # [N, CANDIDATES, 3]
    full: NDArray[np.uint8]  # [N, CANDIDATES, 3]


def _looked_up(
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    views: list[View],
    buffers: Iterable[Visibility],
    size: float,
    density: float = 0.0,
    finer: Mapping[str, Finer] | None = None,
) -> _Seen:
    """The colours of points; `density` texels a world unit are enough of `finer` pictures."""
    seen = candidates(points, normals, buffers, size)
    coarse = np.zeros((len(points), CANDIDATES, 3), np.uint8)
    full = np.zeros((len(points), CANDIDATES, 3), np.uint8)
    for number, view in enumerate(views):
        shown = (seen.view == number).any(axis=1)
        if not shown.any():
            continue
        photo = view.photo()
        _sample(len(points), coarse, seen.view, number, points, *camera_arrays(view.camera), _blurred(photo))
        camera = view.camera
        if finer and view.name in finer:
            reach = np.linalg.norm(points[shown][::16] - camera.camera_to_world[:3, 3], axis=1)
            found = finer[view.name].at(density, float(np.quantile(reach, 0.2)))
            camera, photo = found if found is not None else (camera, photo)
        _sample(len(points), full, seen.view, number, points, *camera_arrays(camera), photo)
    return _Seen(seen.view, seen.weight, seen.best(), coarse, full)


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


@njit
def _bilinear(picture, x, y, channel):  # pragma: no cover - compiled
    left, top = int(x), int(y)
    u, v = x - left, y - top
    upper = picture[top, left, channel] * (1 - u) + picture[top, left + 1, channel] * u
    lower = picture[top + 1, left, channel] * (1 - u) + picture[top + 1, left + 1, channel] * u
    return upper * (1 - v) + lower * v


@threaded()
def _sample(begin, end, found, chosen, number, points, rotation, centre, lens, photo):  # pragma: no cover - compiled
    """Bilinear colours of one photo for the texels that chose it."""
    height, width = photo.shape[:2]
    for t in range(begin, end):
        for k in range(CANDIDATES):
            if chosen[t, k] != number:
                continue
            column, row, _ = pixel(points[t], rotation, centre, lens)
            x = min(max(column - 0.5, 0.0), width - 1.001)
            y = min(max(row - 0.5, 0.0), height - 1.001)
            for c in range(3):
                found[t, k, c] = np.uint8(_bilinear(photo, x, y, c) + 0.5)


@threaded()
def _blend(begin, end, colours, weight, chosen, full, coarse, gains, exponent):  # pragma: no cover - compiled
    """Coarse colour from all candidates that agree, detail from the best of them. `gains` [views, 3] multiply."""
    tone = np.zeros((CANDIDATES, 3))
    for t in range(begin, end):
        for k in range(CANDIDATES):
            if chosen[t, k] >= 0:
                for c in range(3):
                    tone[k, c] = gains[chosen[t, k], c] * coarse[t, k, c]
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
                        gap += abs(tone[k, c] - tone[m, c])
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
                gap = max(gap, abs(tone[k, c] - tone[centre, c]))
            agree = np.exp(-((gap / DISAGREEMENT) ** 2))
            wide = weight[t, k] * agree
            narrow = (weight[t, k] / strongest) ** exponent * agree
            low_sum += wide
            high_sum += narrow
            for c in range(3):
                low[c] += wide * tone[k, c]
                high[c] += narrow * gains[chosen[t, k], c] * (float(full[t, k, c]) - float(coarse[t, k, c]))
        for c in range(3):
            value = low[c] / low_sum + high[c] / max(high_sum, 1e-12)
            colours[t, c] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
