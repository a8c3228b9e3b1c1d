"""Photos of one size that were taken with several lenses, or with one that zooms, where no EXIF tells.

With one lens for all of them a model can fit together and still be wrong: a camera with the longer lens is put nearer.
A lens for each photo then explains the photos much better, and where the focal lengths found that way fall into groups,
these are the lenses.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Final

import numpy as np
import pycolmap

GAIN: Final = 0.8
"""Reprojection error with a lens for each photo, relative to that with the shared ones, from which these are wrong: one
lens for each explains a little of everything."""
GAP: Final = 1.15
"""Ratio of two focal lengths, neighbours when all are sorted, that are not those of one lens."""
KEPT_GAIN: Final = 1.15
"""Error of the groups' lenses, relative to that with a lens for each photo, up to which the groups count."""


def separate_lenses(model: pycolmap.Reconstruction, guessed: Collection[str]) -> pycolmap.Reconstruction:
    """The model, adjusted with the lenses that its photos tell apart; the same where they share what they shared.
    `guessed` are the names of photos whose focal length nothing tells."""
    images = [model.image(image_id) for image_id in model.reg_image_ids()]
    free = {image.image_id for image in images if image.name in guessed}
    if len({model.image(image_id).camera_id for image_id in free}) == len(free):
        return model
    each = _adjusted(model, {image_id: image_id for image_id in free})
    if _error(each) >= GAIN * _error(model):
        return model
    groups = _adjusted(model, _groups(each, free))
    return groups if _error(groups) <= KEPT_GAIN * _error(each) else each


def _groups(model: pycolmap.Reconstruction, free: Collection[int]) -> dict[int, int]:
    """For each of these photos the number of its lens: the photo in its group whose focal length is shortest."""
    focal = {image_id: model.camera(model.image(image_id).camera_id).mean_focal_length() for image_id in free}
    groups: dict[int, int] = {}
    lens, shorter = 0, 0.0
    for image_id in sorted(free, key=lambda each: (focal[each], each)):
        if focal[image_id] > GAP * shorter:
            lens = image_id
        groups[image_id], shorter = lens, focal[image_id]
    return groups


def _adjusted(model: pycolmap.Reconstruction, lens_of: Mapping[int, int]) -> pycolmap.Reconstruction:
    """The model after an adjustment in which photos have the lenses `lens_of` says, by numbers of images; the others
    keep theirs."""
    result = _with_lenses(model, lens_of)
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_focal_length = True
    options.refine_extra_params = False
    options.print_summary = False
    pycolmap.bundle_adjustment(result, options)
    result.update_point_3d_errors()
    return result


def _with_lenses(model: pycolmap.Reconstruction, lens_of: Mapping[int, int]) -> pycolmap.Reconstruction:
    result = pycolmap.Reconstruction()
    first = max(model.cameras, default=0) + 1
    for image_id in model.reg_image_ids():
        image = model.image(image_id)
        camera = copy.deepcopy(model.camera(image.camera_id))
        if image_id in lens_of:
            camera.camera_id = first + lens_of[image_id]
        if not result.exists_camera(camera.camera_id):
            result.add_camera_with_trivial_rig(camera)
        keypoints = np.array([point.xy for point in image.points2D]).reshape(-1, 2)
        copied = pycolmap.Image(name=image.name, keypoints=keypoints, camera_id=camera.camera_id, image_id=image_id)
        result.add_image_with_trivial_frame(copied, image.cam_from_world())
    for point in model.points3D.values():
        track = pycolmap.Track()
        for element in point.track.elements:
            track.add_element(element.image_id, element.point2D_idx)
        result.add_point3D(point.xyz, track, point.color)
    return result


def _error(model: pycolmap.Reconstruction) -> float:
    """Mean reprojection error in pixels."""
    return float(model.compute_mean_reprojection_error())
