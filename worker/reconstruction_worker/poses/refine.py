"""Intrinsics after all photos are placed: as simple as the photos allow.

Focal length and distortion are only told from the scene's shape by views from many sides. So a model keeps what it
has (EXIF's focal length, no distortion) unless freeing a parameter explains the photos clearly better.
"""

from __future__ import annotations

import copy
from typing import Final

import pycolmap

GAIN: Final = 0.98
"""Reprojection error, relative to the simpler model's, that earns a parameter its place."""


def refine_intrinsics(model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    """The model after a bundle adjustment that frees distortion, then also the focal length, where that pays."""
    best = model
    for focal in (False, True):
        candidate = copy.deepcopy(best)
        options = pycolmap.BundleAdjustmentOptions()
        options.refine_focal_length = focal
        options.refine_extra_params = True
        options.print_summary = False
        pycolmap.bundle_adjustment(candidate, options)
        candidate.update_point_3d_errors()
        sane = not any(camera.has_bogus_params(0.1, 10.0, 1.0) for camera in candidate.cameras.values())
        if sane and _error(candidate) < GAIN * _error(best):
            best = candidate
    return best


def _error(model: pycolmap.Reconstruction) -> float:
    """Mean reprojection error in pixels."""
    return float(model.compute_mean_reprojection_error())
