"""Depth maps from the photos themselves, of objects and of open scenes.

A trained field knows the colours well and the depth less so; photos tell it better where they have something to match.
For each of them the depth is sought at which it matches its neighbours: over the whole range in a small picture
(`sweep`), then in a narrow band around what was found, or around the field's depth where that matches better, in
pictures of twice the size each (`band_sweep`), so that what lies near and far at once costs no more than a plain wall.
What other photos' depth maps do not confirm (`agreement`) is taken from the field, with so little trust that it only
counts where no photo knows better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..cpus import threads
from .agreement import agreed
from .band_sweep import Band, sweep_band
from .field_depth import OPAQUE, DepthMap, trust, within_budget
from .landmarks import Landmarks
from .matching import completed, prefer_field, prefer_points, ray_lengths, resampled
from .neighbours import FEWEST_POINTS, neighbours
from .plane_families import NOWHERE, families, smoothest_depth
from .rendering import Camera
from .scene import View
from .semiglobal import smoothest_in_band
from .sky import sky
from .sweep import Grey, Planes, planes_through, sweep

NEIGHBOURS = 5
"""Photos that each one is compared with."""
CONFIRMING = 12
"""Photos whose depth maps may confirm that of one."""
SMALLEST_SIDE = 150
"""Longer side of the picture in which the whole range is searched, in pixels, roughly."""
MOST_LEVELS = 4
MOST_PLANES, WIDENED = 512, 4.0
"""Depths that are tried in the smallest picture, and how much farther apart they may be than its pixels ask for; where
things are too near and too far for these, the photo is left out."""
REACH = 6
"""Depths tried on each side of what the next smaller picture said."""
FINE_WINDOWS, COARSE_WINDOWS = (7, 15), (5, 11)
"""Sides of the compared patches, in pixels."""
INERTIA = 0.06
"""Cost of the band's border against its middle, where photos have nothing to say."""
CALM = 3.0
"""Depths by which neighbouring pixels may differ for the band to be drawn smoothly through them."""
CONVINCING = 0.1
"""Share of a photo's pixels that must be confirmed for the photo to be believed rather than the field."""

OPAQUE_PHOTO = 128
"""Alpha from which a pixel of a photo shows the object."""
MOST_AT_ONCE = 8
"""Photos that are compared at the same time, one by each processor; each takes some 100 MB."""
NO_MASK = "it has no mask, and the background would be matched"


@dataclass(frozen=True)
class PhotoDepth:
    """A depth map for each photo."""

    maps: list[DepthMap]
    disagreement: float
    """Median difference of distance between maps that confirm each other, in world units."""
    confirmed: float
    """Share of what the photos show."""
    left_out: dict[str, str]
    """Photos whose depth is the field's alone, and why."""


def photo_depth(
    views: Sequence[View],
    windows: Mapping[str, Camera],
    field: Mapping[str, DepthMap],
    landmarks: Landmarks,
    pixels: int,
    done: Callable[[int], None] = lambda count: None,
) -> PhotoDepth:
    """Depth maps of `views` with together at most so many `pixels`. `windows` has the part of each view that shows the
    scene, `field` the trained field's depth in it, both by the views' names. `done` receives how many are compared."""
    cameras = within_budget([windows[view.name] for view in views], pixels)
    pyramids = [_pyramid(view, windows[view.name], camera) for view, camera in zip(views, cameras, strict=True)]
    near = [
        neighbours(number, cameras, landmarks.positions, landmarks.seen, CONFIRMING) for number in range(len(views))
    ]

    def searched(number: int) -> tuple[DepthMap, str]:
        others = [pyramids[other] for other in near[number][:NEIGHBOURS]]
        shown = landmarks.positions[landmarks.seen[number]]
        return _searched(pyramids[number], others, shown, landmarks.sparse(number), field[views[number].name])

    left_out: dict[str, str] = {}
    maps: list[DepthMap] = []
    with ThreadPoolExecutor(min(threads(), MOST_AT_ONCE)) as pool:
        jobs = [pool.submit(searched, number) for number in range(len(views))]
        try:
            for view, job in zip(views, jobs, strict=True):
                found, why = job.result()
                if why:
                    left_out[view.name] = why if view.usable else NO_MASK
                maps.append(found)
                done(len(maps))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    agreement = agreed(maps, among=[set(near[k]) for k in range(len(maps))])
    confirmed, shown_pixels, result = 0, 0, []
    for view, pyramid, one in zip(views, pyramids, agreement.maps, strict=True):
        sure, shows = int((one.alpha > 0).sum()), pyramid[-1].shown()
        if view.name not in left_out and sure < CONVINCING * shows.sum():
            left_out[view.name] = f"other photos confirm {sure / max(int(shows.sum()), 1):.0%} of its depth"
        if view.name in left_out:
            shown_pixels += int(shows.sum())
            result.append(completed(replace(one, alpha=np.zeros_like(one.alpha)), field[view.name]))
            continue
        nothing = _nothing(view, windows[view.name], one)
        confirmed, shown_pixels = confirmed + sure, shown_pixels + int((shows & ~nothing).sum())
        whole = completed(one, field[view.name])
        result.append(replace(whole, alpha=np.where(nothing, np.float32(0), whole.alpha)))
    return PhotoDepth(result, agreement.disagreement, confirmed / max(shown_pixels, 1), left_out)


def _nothing(view: View, window: Camera, one: DepthMap) -> NDArray[np.bool_]:
    """Where a photo shows the sky, of what has no mask. [H, W]"""
    photo = _part(view, window)
    if photo[..., 3].min() < OPAQUE_PHOTO:
        return np.zeros(one.alpha.shape, np.bool_)
    size = (one.camera.width, one.camera.height)
    small = np.asarray(cv2.resize(photo[..., :3], size, interpolation=cv2.INTER_AREA), np.uint8)
    return sky(small, one.camera, one.alpha > 0)


def _part(view: View, window: Camera) -> NDArray[np.uint8]:
    """What a window of a view shows of the photo, as RGBA. [H, W, 4]"""
    left, top = round(view.camera.cx - window.cx), round(view.camera.cy - window.cy)
    return view.photo()[top : top + window.height, left : left + window.width]


def _pyramid(view: View, window: Camera, camera: Camera) -> list[Grey]:
    """The part of a photo in a `window` of it, from the smallest picture on, each twice as large as the one before; the
    largest is `camera`'s, the window's with fewer pixels."""
    photo = _part(view, window)
    grey = cv2.cvtColor(np.ascontiguousarray(photo[..., :3]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    inside = photo[..., 3] >= OPAQUE_PHOTO
    if not inside.all():
        # What is behind an object stays where it is while the object turns: it must not be matched.
        grey[~inside] = grey[inside].mean() if inside.any() else 0
    levels = min(max(round(math.log2(max(camera.width, camera.height) / SMALLEST_SIDE)), 0) + 1, MOST_LEVELS)
    result = []
    for level in reversed(range(levels)):
        small = camera.scaled(0.5**level)
        size = (small.width, small.height)
        mask = None
        if not inside.all():
            mask = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
        result.append(Grey(small, np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32), mask))
    return result


def _searched(
    pyramid: list[Grey],
    others: list[list[Grey]],
    shown: NDArray[np.float64],
    points: NDArray[np.float64],
    field: DepthMap,
) -> tuple[DepthMap, str]:
    """Depth of the largest picture, and why there is none where there is none."""
    finest = pyramid[-1].camera
    nothing = np.zeros((finest.height, finest.width), np.float32)
    nowhere = DepthMap(finest, nothing, nothing, nothing)
    if len(shown) < FEWEST_POINTS:
        return nowhere, f"{len(shown)} points are known in it; {FEWEST_POINTS} are needed"
    if not others:
        return nowhere, "no other photo shows the same from a place that is near enough"
    coarse = [_level(other, pyramid, 0) for other in others]
    planes = planes_through(pyramid[0].camera, shown, [other.camera for other in coarse], MOST_PLANES, WIDENED)
    if planes is None:
        return nowhere, "it shows things too near and too far from the camera at once"
    inverse, known = _coarse(pyramid[0], coarse, planes, points, field)
    step = float(planes.offsets[1] - planes.offsets[0])
    for level in range(1, len(pyramid)):
        step /= 2
        at_level = [_level(other, pyramid, level) for other in others]
        inverse, known = _finer(pyramid[level], at_level, inverse.astype(np.float32), step, field)
    known &= inverse > 1e-9
    distance = (ray_lengths(finest) / np.where(known, inverse, 1)).astype(np.float32)
    alpha = (known & pyramid[-1].shown()).astype(np.float32)
    return DepthMap(finest, distance, alpha, trust(finest, distance, alpha)), ""


def _level(other: list[Grey], own: list[Grey], level: int) -> Grey:
    """Of another photo the picture that goes with one's own level, the largest being level with the largest."""
    return other[max(level - len(own) + len(other), 0)]


def _coarse(
    photo: Grey, others: list[Grey], planes: Planes, points: NDArray[np.float64], field: DepthMap
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Inverse z-depth in the smallest picture, and where it was found within the range that is searched."""
    camera = photo.camera
    tried, costs = families(camera, planes, points), []
    for family in tried:
        cost = sweep(photo, others, family, COARSE_WINDOWS)
        for k in range(len(cost)):
            cost[k][family.inverse_depth(camera, np.full(cost[k].shape, k)) <= 0] = NOWHERE
        prefer_points(cost, camera, family, points)
        prefer_field(cost, camera, family, field)
        costs.append(cost)
    return smoothest_depth(camera, tried, costs, photo.values)


def _finer(
    photo: Grey, others: list[Grey], inverse: NDArray[np.float32], step: float, field: DepthMap
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Inverse z-depth in a picture of twice the size, and where it was found within the band."""
    middle = _enlarged(inverse, photo.camera, step)
    middle = _better(photo, others, middle, _inverse(field, photo.camera), step)
    band = Band(middle, step, REACH)
    cost = sweep_band(photo, others, band, FINE_WINDOWS)
    away = np.abs(np.arange(2 * REACH + 1) - REACH) / REACH
    cost += (INERTIA * away).astype(np.float32)[:, None, None]
    index = smoothest_in_band(cost, photo.values, middle / step)
    return band.inverse_depth(index), (index > 0) & (index < 2 * REACH)


def _enlarged(inverse: NDArray[np.float32], camera: Camera, step: float) -> NDArray[np.float32]:
    """A map for a camera with more pixels: smooth where the map is, with its edges where it has edges."""
    calm = np.asarray(cv2.medianBlur(inverse, 5), np.float32)
    size, around = (camera.width, camera.height), np.ones((3, 3), np.uint8)
    edge = cv2.dilate(calm, around) - cv2.erode(calm, around) > 2 * CALM * step
    smooth = np.asarray(cv2.resize(calm, size, interpolation=cv2.INTER_LINEAR), np.float32)
    sharp = np.asarray(cv2.resize(calm, size, interpolation=cv2.INTER_NEAREST), np.float32)
    at_edge = cv2.resize(edge.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return np.where(at_edge, sharp, smooth)


def _inverse(field: DepthMap, camera: Camera) -> NDArray[np.float32]:
    """Inverse z-depth of a field, 0 where it is transparent. [H, W]"""
    distance, alpha = resampled(field, camera)
    opaque = (alpha >= OPAQUE) & (distance > 0)
    return np.where(opaque, ray_lengths(camera) / np.where(opaque, distance, 1), 0).astype(np.float32)


def _better(
    photo: Grey, others: list[Grey], found: NDArray[np.float32], field: NDArray[np.float32], step: float
) -> NDArray[np.float32]:
    """Of two inverse depths that are far apart the one at which the photos match better: thin things are lost in small
    pictures."""
    apart = (np.abs(found - field) > REACH * step) & (field > 0)
    if not apart.any():
        return found
    one, other = (
        sweep_band(photo, others, Band(middle, step, 1), FINE_WINDOWS[:1]).min(axis=0) for middle in (found, field)
    )
    return np.where(apart & (other < one), field, found)
