"""Surfaces of a scene from few photos: depth maps that the photos agree on, before anything is trained.

The sparse model of a handful of photos has a few hundred points, and colours seen from so few sides tell nearly any
depth: where Gaussians begin decides what they become.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.field_depth import OPAQUE
from ...geometry.scene import View
from ...geometry.sparse import SparsePoints
from ...geometry.stereo import Detail, stereo_maps
from .seed_sources import OPAQUE_ENOUGH, Shots
from .seeds import Seeds

DETAIL = Detail(side=320, most_planes=400, witnesses=1)
"""Of things seen from a few sides neighbours are far apart, and need many planes; what one other photo confirms is
worth a try."""


def from_stereo(shots: Shots, count: int, random: np.random.Generator) -> Seeds:
    """Pixels at distances that another photo confirms, at most `count` in all; none where photos can't be compared."""
    views = [View(photo.name, photo.camera, photo.file, photo.usable) for photo in shots.photos]
    found = stereo_maps(views, {}, _points(shots), detail=DETAIL)
    if found is None:
        return Seeds.none()
    picture_of = {view.camera.camera_to_world.tobytes(): index for index, view in enumerate(views)}
    parts = []
    for one in found.maps:
        index = picture_of[one.camera.camera_to_world.tobytes()]
        size = (one.camera.width, one.camera.height)
        small = np.asarray(cv2.resize(shots.pictures[index], size, interpolation=cv2.INTER_AREA), np.uint8)
        known = (one.alpha >= OPAQUE) & _shows_scene(small)
        colours = small[known][:, :3] / 255.0 / shots.gains[index]
        parts.append(Seeds(one.points()[known], colours.clip(0, 1)))
    return Seeds.together(parts).at_most(count, random)


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
