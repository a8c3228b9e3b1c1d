"""Colour for each texel, from the photos that see it.

Photos are blended in two bands, after P. Burt and E. Adelson, "A multiresolution spline with application to image
mosaics", 1983: coarse colour is the mean of several views, so that their exposures meet without a seam; fine detail
comes almost alone from the view that sees the spot best, so that small errors of geometry and pose do not blur it. A
view whose colour disagrees with the others (a reflection, something in front of the object) is left out. Photos that
are brighter or of another tint than those beside them can be levelled first (`levelling`).

Detail may come from finer pictures than those that the coarse colours are from. A texture of several pages is made
page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..compiled import threaded
from .levelling import gains_from
from .pages import Pages, page_of
from .rendering import Camera
from .scene import View
from .tsdf import camera_arrays
from .unseen import Sums
from .visibility import CANDIDATES, Sightings, Visibility, candidates, pixel

TEXELS_AT_ONCE = 1 << 21
"""72 bytes each while photos are looked up."""
COARSE_SHARE = 0.006
"""Standard deviation that separates coarse from fine, as a share of the photo's side."""
DISAGREEMENT = 30.0
"""Difference of colour (0..255) at which a view counts e times less than one that agrees."""
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

    picture: NDArray[np.uint8]  # [P S, S, 3] the pages below each other
    photo_share: float
    """Share of the surface's texels that a photo shows."""
    views: dict[str, float]
    """For each photo the share of texels that it sees best."""


def bake(
    surface: Pages,
    views: list[View],
    progress: Callable[[float, str], None] = lambda percent, message: None,
    finer: Mapping[str, Finer] | None = None,
    blending: Blending = BLENDINGS[0],
    scratch: Path | None = None,
    sightings: Sightings | None = None,
) -> Baked:
    """Colour the texels of all pages; `progress` gets the percentage and what is being done, `finer` has larger
    pictures by the views' names, `scratch` is a folder for several pages, of which one is in memory, and `sightings`
    knows what photos see of the mesh."""
    return baked_in_each_way(surface, views, (blending,), progress, finer, scratch, sightings)[0]


def baked_in_each_way(
    surface: Pages,
    views: list[View],
    blendings: Sequence[Blending],
    progress: Callable[[float, str], None] = lambda percent, message: None,
    finer: Mapping[str, Finer] | None = None,
    scratch: Path | None = None,
    sightings: Sightings | None = None,
) -> list[Baked]:
    """What `bake` makes, for each way of blending."""
    mesh = surface.atlas.mesh
    extent = float(np.ptp(mesh.bounds(), axis=0).max())
    sightings = Sightings(mesh) if sightings is None else sightings
    buffers = sightings.of(views, lambda done: progress(25 * done / len(views), "what each photo sees"))
    density = float(np.sqrt(surface.texels / max(mesh.area(), 1e-30)))
    gains = np.ones((len(views), 3), np.float32)
    if any(each.levelled for each in blendings):
        progress(25, "levelling the photos")
        some = _looked_up(*_some_of(surface), views, buffers, extent)
        gains = gains_from(some.coarse, some.view, some.weight, len(views))
    pictures = [surface.empty(scratch) for _ in blendings]
    sums = Sums(len(views), len(blendings))
    done, shown = 0, list[NDArray[np.uint8]]()
    for number in range(surface.atlas.pages):
        page = surface[number]
        colours = [np.zeros((len(page.index), 3), np.uint8) for _ in blendings]
        best = np.full(len(page.index), -1, np.int16)
        for begin in range(0, len(page.index), TEXELS_AT_ONCE):
            part = slice(begin, begin + TEXELS_AT_ONCE)
            progress(30 + 55 * (done + begin) / max(surface.texels, 1), "photos onto the surface")
            look = page.points[part], page.normals[part], views, buffers, extent, density, finer or {}
            best[part] = _coloured(_looked_up(*look), [into[part] for into in colours], blendings, gains)
        done += len(page.index)
        sums.add(best, page.points, colours, surface.atlas.pages)
        shown.append(np.packbits(best >= 0))
        for picture, into in zip(pictures, colours, strict=True):
            page_of(picture, number).reshape(-1, 3)[page.index] = into
        del page, colours, best  # before the next page is laid out
    progress(85, "filling what no photo shows")
    nearest = sums.nearest()
    for number in range(surface.atlas.pages):
        page = surface[number]
        unknown = np.flatnonzero(np.unpackbits(shown[number], count=len(page.index)) == 0)
        filled = nearest(page.points[unknown])
        for picture, fill in zip(pictures, filled, strict=True):
            whole = page_of(picture, number)
            whole.reshape(-1, 3)[page.index[unknown]] = fill
            _fill_gutter(whole, page.index)
        del page
    shares = {view.name: float(count) for view, count in zip(views, sums.best / max(done, 1), strict=True)}
    return [Baked(picture, float(sums.known / max(done, 1)), shares) for picture in pictures]


def _coloured(
    seen: _Seen, colours: list[NDArray[np.uint8]], blendings: Sequence[Blending], gains: NDArray[np.float32]
) -> NDArray[np.int16]:
    """Write the colours of points [N, 3] for each way of blending; the view that shows each point best. [N]"""
    for blending, into in zip(blendings, colours, strict=True):
        scale = gains if blending.levelled else np.ones_like(gains)
        arrays = seen.weight, seen.view, seen.full, seen.coarse, scale, blending.detail_exponent
        _blend(len(seen.view), into, *arrays)
    return seen.best


def _some_of(surface: Pages) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points and normals of some texels of all pages, evenly spread. [N, 3] each"""
    chosen = slice(None, None, max(1, surface.texels // SAMPLED))
    some = [(page.points[chosen], page.normals[chosen]) for page in surface]
    points, normals = zip(*some, strict=True)
    return np.concatenate(points), np.concatenate(normals)


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


def _fill_gutter(picture: NDArray[np.uint8], index: NDArray[np.int64]) -> None:
    """Give each texel off the surface the colour of the nearest one on it. `picture` is [S, S, 3], `index` has the
    texels that are on the surface."""
    empty = np.ones(picture.shape[:2], np.uint8)
    empty.ravel()[index] = 0
    _, labels = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.asarray(labels, np.int32).ravel()
    source = np.zeros(int(nearest.max()) + 1, np.int32)
    source[nearest[index]] = index
    texels = picture.reshape(-1, 3)
    for begin in range(0, len(texels), TEXELS_AT_ONCE):
        part = slice(begin, begin + TEXELS_AT_ONCE)
        texels[part] = texels[source[nearest[part]]]  # those on the surface are their own nearest ones


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
