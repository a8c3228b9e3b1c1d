"""Intrinsics after all photos are placed: as simple as the photos allow.

Only views from many sides distinguish focal length and distortion from the scene's shape. So a model keeps what it has
(EXIF's focal length, no distortion) unless freeing a parameter explains the photos clearly better.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final

import pycolmap

from .gps_priors import Prior, position_prior
from .sfm import SEED

GAIN: Final = 0.98
"""Reprojection error, relative to the simpler model's, that earns a parameter its place."""


WORSE: Final = 1.5
"""Reprojection error, relative to that before, that may come of holding to positions: else these are not true. A model
that is bent fits the noise of its photos better."""
PATIENCE: Final = (150.0, 30.0)
"""Errors, in deviations, from which on a position counts less, in each of the adjustments that draw a model to them. To
a robust loss a model that is still metres off looks like positions that are wrong (graduated non-convexity, Blake and
Zisserman 1987)."""


def held_to_positions(model: pycolmap.Reconstruction, gps_positions: Mapping[str, Prior]) -> pycolmap.Reconstruction:
    """The model after bundle adjustments that also draw its cameras to where they are known to have been; as it was
    where that contradicts the photos."""
    candidate = copy.deepcopy(model)
    for scale in PATIENCE:
        options = pycolmap.BundleAdjustmentOptions()
        options.refine_focal_length = options.refine_extra_params = False
        options.print_summary = False
        _adjust_with_positions(candidate, options, gps_positions, scale)
    candidate.update_point_3d_errors()
    return candidate if _error(candidate) <= WORSE * _error(model) else model


def refine_intrinsics(
    model: pycolmap.Reconstruction, gps_positions: Mapping[str, Prior] | None = None, *, exact: bool = False
) -> pycolmap.Reconstruction:
    """The model after a bundle adjustment that frees distortion, then also the focal length, where that pays. By
    the photos' names, `gps_positions` are what it was held to while it grew, and still is; `exact` ones as in
    `held_to_positions`."""
    best = model
    for focal in (False, True):
        candidate = copy.deepcopy(best)
        options = pycolmap.BundleAdjustmentOptions()
        options.refine_focal_length = focal
        options.refine_extra_params = True
        options.print_summary = False
        if gps_positions:
            _adjust_with_positions(candidate, options, gps_positions, PATIENCE[-1] if exact else None)
        else:
            pycolmap.bundle_adjustment(candidate, options)
        candidate.update_point_3d_errors()
        sane = not any(camera.has_bogus_params(0.1, 10.0, 1.0) for camera in candidate.cameras.values())
        if sane and _error(candidate) < GAIN * _error(best):
            best = candidate
    return best


def _adjust_with_positions(
    model: pycolmap.Reconstruction,
    options: pycolmap.BundleAdjustmentOptions,
    gps_positions: Mapping[str, Prior],
    scale: float | None = None,
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
        if scale is not None:
            held.ceres.prior_position_loss_scale = scale
    pycolmap.create_pose_prior_bundle_adjuster(options, held, config, priors, model).solve()


def _error(model: pycolmap.Reconstruction) -> float:
    """Mean reprojection error in pixels."""
    return float(model.compute_mean_reprojection_error())
