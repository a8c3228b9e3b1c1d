"""Surfaces of a scene from few photos: depth maps that the photos agree on, before anything is trained.

The sparse model of a handful of photos has a few hundred points, and colours seen from so few sides tell nearly any
depth: where Gaussians begin decides what they become.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ...geometry.cameras import pixel_rays
from ...geometry.field_depth import OPAQUE, DepthMap
from ...geometry.rendering import Camera
from ...geometry.scene import View
from ...geometry.sparse import SparsePoints
from ...geometry.stereo import Detail, ray_lengths, stereo_maps
from ..training.scene_bounds import Bounds
from .beyond_outline import ViewWithoutOutline
from .completion import completed
from .hidden import Surface, behind_others
from .seed_sources import OPAQUE_ENOUGH, Shots
from .seeds import Seeds

DETAIL = Detail(side=320, most_planes=400, witnesses=1, convincing=0.02)
"""Of things seen from a few sides neighbours are far apart, and need many planes; what one other photo confirms is
worth a try, also where an object fills but a tenth of the picture."""

TURN = 0.4
"""Where along the hull an outline is, from its near side: there the surface turns away from the camera. Better too far
than too near, where it would hide what is behind it from other places: three photos of the demo give 25.5 dB with 0.25
and 26.0 with 0.4."""
RIM = 9
"""Side of the square of pixels around a pixel of the outline in which nothing must be known."""


def from_stereo(shots: Shots, bounds: Bounds, count: int, random: np.random.Generator) -> Seeds:
    """Pixels at distances that another photo confirms, at most `count` in all; none where photos can't be compared.
    Between and beyond them the surface is continued as smoothly as the masks' hull allows: what only one photo shows
    has nobody to confirm it, and an object ends for others where it is missing."""
    views: list[View] = [
        ViewWithoutOutline(photo.name, photo.camera, photo.file, photo.usable, picture)
        for photo, picture in zip(shots.photos, shots.pictures, strict=True)
    ]
    found = stereo_maps(views, {}, _points(shots), detail=DETAIL)
    if found is None:
        return Seeds.none()
    index_of = {view.camera.camera_to_world.tobytes(): index for index, view in enumerate(views)}
    surfaces = []
    for one in found.maps:
        index = index_of[one.camera.camera_to_world.tobytes()]
        picture = _of_size(shots.pictures[index], one.camera)
        surface = _continued(one, picture, bounds)
        if surface is not None:
            surfaces.append((surface, picture[..., :3] / 255.0 / shots.gains[index]))
    parts = []
    distances = behind_others([surface for surface, _ in surfaces])
    for (surface, colours), distance in zip(surfaces, distances, strict=True):
        points = surface.camera.camera_to_world[:3, 3] + pixel_rays(surface.camera) * distance[..., None]
        parts.append(Seeds(points[surface.shown], colours[surface.shown].clip(0, 1)))
    return Seeds.together(parts).at_most(count, random)


def _of_size(picture: NDArray[np.uint8], camera: Camera) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA), np.uint8)


def _continued(one: DepthMap, picture: NDArray[np.uint8], bounds: Bounds) -> Surface | None:
    """What other photos confirm, and the smoothest surface through that; None where nothing is confirmed."""
    shown = _shows_scene(picture)
    sure = (one.alpha >= OPAQUE) & shown
    if not sure.any():
        return None
    lengths = ray_lengths(one.camera)
    distance = np.where(sure, one.distance, 1).astype(np.float64)
    if bounds.hull is None:
        distance = lengths / completed(lengths / distance, sure, shown)
        return Surface(one.camera, distance, shown, sure, np.full(shown.shape, np.inf))
    near, far = _interval(one.camera, shown, bounds)
    rim = _rim(sure, shown) & (far > near)
    distance[rim] = (near + TURN * (far - near))[rim]
    distance = lengths / completed(lengths / distance, sure | rim, shown)
    return Surface(one.camera, np.where(far > near, distance.clip(near, far), distance), shown, sure, far)


def _rim(known: NDArray[np.bool_], shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels along the outline, with nothing known close by."""
    square = np.ones((RIM, RIM), np.uint8)
    inner = cv2.erode(shown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return shown & ~inner & ~(cv2.dilate(known.astype(np.uint8), square) > 0)


def _interval(
    camera: Camera, shown: NDArray[np.bool_], bounds: Bounds
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between which distances the bounds have something; none where far is not more than near. [H, W] each"""
    rays = torch.from_numpy(pixel_rays(camera)[shown]).float()
    origins = torch.from_numpy(camera.camera_to_world[:3, 3]).float().expand(len(rays), 3)
    ends = np.zeros((2, *shown.shape))
    ends[:, shown] = torch.cat(bounds.interval(origins, rays), dim=1).T.numpy()
    return ends[0], ends[1]


def _points(shots: Shots) -> SparsePoints:
    frame_of = {photo.name: index for index, photo in enumerate(shots.scene.photos)}
    frames, points = shots.scene.observations.T if len(shots.scene.observations) else np.zeros((2, 0), np.int64)
    return SparsePoints(
        shots.scene.points, {photo.name: np.unique(points[frames == frame_of[photo.name]]) for photo in shots.photos}
    )


def _shows_scene(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    if picture.shape[2] == 3:
        return np.ones(picture.shape[:2], np.bool_)
    return picture[..., 3] >= OPAQUE_ENOUGH
