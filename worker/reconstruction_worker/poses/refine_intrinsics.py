"""Intrinsics after all photos are placed: as simple as the photos allow.

Only views from many sides distinguish focal length and distortion from the scene's shape. So a model keeps what it has
(EXIF's focal length, no distortion) unless freeing a parameter explains the photos clearly better.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final

import pycolmap
from numpy.typing import NDArray

from .gps_priors import position_prior
from .sfm import SEED

GAIN: Final = 0.98
"""Reprojection error, relative to the simpler model's, that earns a parameter its place."""


def refine_intrinsics(
    model: pycolmap.Reconstruction, gps_positions: Mapping[str, NDArray] | None = None
) -> pycolmap.Reconstruction:
    """The model after a bundle adjustment that frees distortion, then also the focal length, where that pays. By
    the photos' names, `gps_positions` are what it was held to while it grew, and still is."""
    best = model
    for focal in (False, True):
        candidate = copy.deepcopy(best)
        options = pycolmap.BundleAdjustmentOptions()
        options.refine_focal_length = focal
        options.refine_extra_params = True
        options.print_summary = False
        if gps_positions:
            _adjust_with_positions(candidate, options, gps_positions)
        else:
            pycolmap.bundle_adjustment(candidate, options)
        candidate.update_point_3d_errors()
        sane = not any(camera.has_bogus_params(0.1, 10.0, 1.0) for camera in candidate.cameras.values())
        if sane and _error(candidate) < GAIN * _error(best):
            best = candidate
    return best


def _adjust_with_positions(
    model: pycolmap.Reconstruction, options: pycolmap.BundleAdjustmentOptions, gps_positions: Mapping[str, NDArray]
) -> None:
    images = [model.image(image_id) for image_id in model.reg_image_ids()]
    config = pycolmap.BundleAdjustmentConfig()
    for image in images:
        config.add_image(image.image_id)
    priors = [position_prior(image, gps_positions[image.name]) for image in images if image.name in gps_positions]
    held = pycolmap.PosePriorBundleAdjustmentOptions()
    held.alignment_ransac.random_seed = SEED
    if held.ceres is not None:
        held.ceres.prior_position_loss_function_type = pycolmap.LossFunctionType.CAUCHY
    pycolmap.create_pose_prior_bundle_adjuster(options, held, config, priors, model).solve()


def _error(model: pycolmap.Reconstruction) -> float:
    """Mean reprojection error in pixels."""
    return float(model.compute_mean_reprojection_error())
