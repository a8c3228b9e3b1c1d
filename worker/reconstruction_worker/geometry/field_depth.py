"""Depth maps of a trained field, seen from the cameras of the photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cameras import box_window, cropped, pixel_rays
from .rendering import Camera, Field
from .scene import Scene, View

OPAQUE = 0.5
"""Rays that gather less than this show the background."""
MASK_MARGIN = 0.04
"""What is added around the object's mask on each side, as a share of the photo's longer side."""
MIN_SIDE = 32
GRAZING = 0.1
"""Cosine between ray and surface below which a depth is hardly trusted."""


@dataclass(frozen=True)
class DepthMap:
    """Distance along the ray to the surface for each pixel of a camera."""

    camera: Camera
    distance: NDArray[np.float32]  # [H, W] world units; 0 where something is, nobody knows how far
    alpha: NDArray[np.float32]  # [H, W] how opaque the field is along the ray
    trust: NDArray[np.float32]  # [H, W] 0..1: low where the surface is seen at a grazing angle or breaks off

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Where there is a surface at a known distance. [H, W]"""
        return (self.alpha >= OPAQUE) & (self.distance > 0)

    def points(self) -> NDArray[np.float64]:
        """Surface points in the world. [H, W, 3]"""
        origin = self.camera.camera_to_world[:3, 3]
        return origin + pixel_rays(self.camera) * self.distance[..., None]

    def footprint(self) -> float:
        """Median width of a pixel on the surface, in world units; 0 where none is shown."""
        shown = self.shown
        return float(np.median(self.distance[shown])) / self.camera.fx if shown.any() else 0.0


def windows(scene: Scene, views: list[View]) -> dict[str, Camera]:
    """What of each view can show the scene, by its name: the box, and the mask of an object where there is one."""
    cameras = {}
    for view in views:
        window = box_window(view.camera, scene.box)
        if window is not None and scene.bounded:
            window = _intersection(window, _mask_window(view))
        if window is not None:
            cameras[view.name] = cropped(view.camera, *window)
    return cameras


def within_budget(cameras: list[Camera], rays: int) -> list[Camera]:
    """The cameras scaled down by one common factor so that together they have at most `rays` pixels."""
    pixels = sum(camera.width * camera.height for camera in cameras)
    factor = min(1.0, (rays / max(pixels, 1)) ** 0.5)
    result = []
    for camera in cameras:
        floor = min(1.0, MIN_SIDE / min(camera.width, camera.height))
        result.append(camera.scaled(max(factor, floor)))
    return result


def render_depth(
    field: Field, cameras: list[Camera], done: Callable[[int], None] = lambda count: None
) -> list[DepthMap]:
    """One depth map a camera; `done` receives how many are finished."""
    maps = []
    for index, camera in enumerate(cameras):
        seen = field.render(camera)
        maps.append(DepthMap(camera, seen.depth, seen.alpha, trust(camera, seen.depth, seen.alpha)))
        done(index + 1)
    return maps


def trust(camera: Camera, distance: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared cosine between ray and surface, from differences of neighbouring pixels. [H, W]

    Where the surface breaks off, the difference spans the gap and looks like a surface seen edge-on: it is distrusted
    by the same formula. The better-behaved side of each pixel counts, so that a silhouette costs one pixel, not two.
    """
    rays = pixel_rays(camera)
    points = rays * distance[..., None]
    normal = np.cross(_smaller_step(points, 0), _smaller_step(points, 1))
    length = np.maximum(np.linalg.norm(normal, axis=-1), 1e-20)
    cosine = np.abs((normal * rays).sum(axis=-1)) / length
    steep = np.clip(cosine, GRAZING, 1.0) ** 2
    return (steep * np.clip(alpha, 0.0, 1.0)).astype(np.float32)


def _smaller_step(points: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Difference to the next or the previous pixel along an axis, whichever is shorter. [H, W, 3]"""
    step = np.diff(points, axis=axis)
    first, last = np.take(step, [0], axis=axis), np.take(step, [-1], axis=axis)
    forward = np.concatenate([step, last], axis=axis)
    backward = np.concatenate([first, step], axis=axis)
    shorter = np.linalg.norm(forward, axis=-1) <= np.linalg.norm(backward, axis=-1)
    return np.where(shorter[..., None], forward, backward)


def _mask_window(view: View) -> tuple[int, int, int, int] | None:
    """Pixels (left, top, right, bottom) that hold the object, with a margin; None when the mask is empty."""
    opaque = view.photo()[..., 3] >= 128
    if not opaque.any():
        return None
    rows, columns = np.nonzero(opaque.any(axis=1))[0], np.nonzero(opaque.any(axis=0))[0]
    margin = round(MASK_MARGIN * max(opaque.shape))
    return (
        int(columns[0]) - margin,
        int(rows[0]) - margin,
        int(columns[-1]) + 1 + margin,
        int(rows[-1]) + 1 + margin,
    )


def _intersection(
    window: tuple[int, int, int, int], other: tuple[int, int, int, int] | None
) -> tuple[int, int, int, int] | None:
    if other is None:
        return None
    left, top = max(window[0], other[0]), max(window[1], other[1])
    right, bottom = min(window[2], other[2]), min(window[3], other[3])
    return (left, top, right, bottom) if right > left and bottom > top else None
