"""The photos' own depth maps as the fusion reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.field_depth import OPAQUE, DepthMap, trust
from ...geometry.matching import ray_lengths
from ...geometry.rendering import Camera
from ..training.posed_photos import PosedPhoto

EDGE = 8.0
"""Step of the distance between neighbouring pixels, in widths of a pixel on the surface, at which the surface breaks
off: one that is seen at 83 degrees from its normal has as much."""


def measured_maps(photos: Sequence[PosedPhoto]) -> list[DepthMap]:
    """One for each photo, in the map's own size. Raises DepthInvalid where one has none that can be read.

    Where the photo shows the object and its map says nothing, the map is opaque at distance 0: nothing is known of what
    is behind. The same holds for the pixels on both sides of an edge, whose depth may be a mean of what is before and
    behind it.
    """
    return [measured_map(photo) for photo in photos]


def measured_map(photo: PosedPhoto) -> DepthMap:
    """The map of a photo that has one."""
    depth = photo.distances()
    assert depth is not None, "the engine is only asked for photos with depth maps"
    camera = _camera(photo.camera, depth.shape)
    distance = (depth * ray_lengths(camera)).astype(np.float32)
    shown = _shown(photo, camera)
    known = _away_from_edges((distance > 0) & shown, distance, camera)
    known = np.where(known, distance, np.float32(0))
    alpha = (shown if photo.usable else np.ones_like(shown)).astype(np.float32)
    return with_distance(DepthMap(camera, known, alpha, alpha), known)


def with_distance(one: DepthMap, distance: NDArray[np.float32]) -> DepthMap:
    """The map with other distances, and what they say of their trustworthiness."""
    return replace(one, distance=distance, trust=trust(one.camera, distance, one.alpha))


def _camera(camera: Camera, shape: tuple[int, ...]) -> Camera:
    """The photo's, with as many pixels as its map has."""
    height, width = shape
    across, down = width / camera.width, height / camera.height
    return replace(
        camera,
        fx=camera.fx * across,
        fy=camera.fy * down,
        cx=camera.cx * across,
        cy=camera.cy * down,
        width=width,
        height=height,
    )


def _shown(photo: PosedPhoto, camera: Camera) -> NDArray[np.bool_]:
    """Where the photo shows the object, or anything at all where it has no mask. [H, W]"""
    pixels = photo.pixels()
    if pixels.shape[2] == 3 or not photo.usable:
        return np.ones((camera.height, camera.width), np.bool_)
    alpha = cv2.resize(pixels[..., 3], (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return np.asarray(alpha >= OPAQUE * 255, np.bool_)


def _away_from_edges(known: NDArray[np.bool_], distance: NDArray[np.float32], camera: Camera) -> NDArray[np.bool_]:
    """The known pixels without those at which the surface breaks off, or the known ends. [H, W]"""
    around = np.ones((3, 3), np.uint8)
    far = np.where(known, distance, np.float32(np.inf))
    near = np.where(known, distance, np.float32(0))
    step = np.maximum(cv2.dilate(near, around) - distance, distance - cv2.erode(far, around))
    inside = cv2.erode(known.astype(np.uint8), around, borderType=cv2.BORDER_REPLICATE) > 0
    return known & inside & (step < EDGE * distance / camera.fx)
