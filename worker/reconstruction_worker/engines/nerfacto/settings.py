"""How nerfacto is set up for a scene: grids as fine as the photos, samples and batches as the device can carry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from reconstruction_api.training import Training, TrainingPreset

from ..gpu_kernels import gpu_kernels_are_available
from ..rays.keypoints import CLEAR_SHARE
from ..rays.rays import spread_of_samples
from ..training.posed_photos import Scene
from ..training.scene_bounds import Bounds

CPU = {
    "raysPerStep": 2048,
    "proposalSamples": [32],
    "samples": 12,
    "levels": 12,
    "log2TableSize": 17,
    "hiddenWidth": 64,
    "proposalLog2TableSize": 15,
    "maxResolution": 512,
}
CPU_OPEN = CPU | {"maxResolution": 1024, "log2TableSize": 19}
"""The ground seen from the air, a street: far more to tell apart than one object."""

CUDA = {
    "raysPerStep": 8192,
    "proposalSamples": [256, 96],
    "samples": 48,
    "levels": 16,
    "log2TableSize": 19,
    "hiddenWidth": 64,
    "proposalLog2TableSize": 17,
    "maxResolution": 4096,
}

DEVELOPMENT = {
    "cpu": {"raysPerStep": 1024, "maxResolution": 512, "log2TableSize": 17},
    "cuda": {
        "raysPerStep": 4096,
        "proposalSamples": [128, 64],
        "samples": 32,
        "log2TableSize": 18,
        "maxResolution": 2048,
    },
}
"""What the preset `Development` changes: less detail in less time and memory."""

PROPOSAL_LEVELS = 5

SMALLEST_LOG2_TABLE = 14
COARSEST = 16
"""Cells a side of the coarsest grid."""
GROWTH = 1.37
"""Ratio of one grid's cells a side to the next coarser one's (Müller et al. 2022 use 1.26 to 2)."""


POINT_WEIGHTS = [0.002, 0.002]
"""First and last weight of the loss at pixels whose distance is known from the sparse points, against the squared error
of colours."""
DEPTH_MAP_WEIGHTS = 0.1, 0.01
"""The same where it is known from depth maps, for so few photos that colours leave much open."""
FEW_PHOTOS = 6


def derive_settings(scene: Scene, bounds: Bounds, training: Training, device: torch.device) -> dict[str, Any]:
    """Settings for a scene as plain JSON data."""
    base = CUDA if device.type == "cuda" else CPU if scene.bounded else CPU_OPEN
    if training.chosen_preset is TrainingPreset.DEVELOPMENT:
        base = base | DEVELOPMENT[device.type]
    steps = training.planned_steps(on_gpu=device.type == "cuda")
    finest = min(base["maxResolution"], _finest_useful_resolution(scene, bounds))
    return {
        **base,
        "maxResolution": finest,
        "levels": min(base["levels"], 1 + round(math.log(finest / COARSEST) / math.log(GROWTH))),
        "firstRate": 1e-2,
        "lastRate": 1e-3,
        "initialSampler": spread_of_samples(bounds, scene.near, scene.far),
        "annealSteps": min(1000, max(steps // 10, 100)),
        "proposalWarmup": min(5000, max(steps // 3, 500)),
        "log2TableSize": min(base["log2TableSize"], _log2_pixels(scene)),
        "bytesPerRay": _bytes_per_ray(base, device),
        "depthWeights": _depth_map_weights(scene) if _has_depth(scene) else POINT_WEIGHTS,
        "depthTolerance": CLEAR_SHARE if _has_depth(scene) else 0.0,
    }


def _depth_map_weights(scene: Scene) -> list[float]:
    """The more photos there are, the better colours tell where surfaces are: better than maps with errors of a percent
    then, which cost decibels where they still have a say at the end."""
    first, last = DEPTH_MAP_WEIGHTS
    scarcity = min(1.0, FEW_PHOTOS / len(scene.photos))
    return [first * scarcity, last * scarcity**2]


def _has_depth(scene: Scene) -> bool:
    return any(photo.depth is not None for photo in scene.photos)


def _log2_pixels(scene: Scene) -> int:
    """A table needs no more rows than the photos have pixels: small sets train in less memory."""
    pixels = sum(photo.camera.width * photo.camera.height for photo in scene.photos)
    return max(SMALLEST_LOG2_TABLE, math.ceil(math.log2(pixels)))


KEPT_PER_FEATURE, PASSING_PER_FEATURE = 140, 210
"""Bytes a sample and level that nerfstudio's own hash encoding keeps for the gradient and needs while it works; the
compiled one needs next to nothing."""


def rendering_bytes_per_ray(settings: dict[str, Any]) -> int:
    """About how much GPU memory a ray takes while it is rendered: the larger of what the first proposals and what the
    field's samples take, one after the other."""
    feature = 0 if gpu_kernels_are_available() else PASSING_PER_FEATURE
    proposal = settings["proposalSamples"][0] * (225 + feature * PROPOSAL_LEVELS)
    sample = settings["samples"] * (300 + 8 * settings["hiddenWidth"] + feature * settings["levels"])
    return max(proposal, sample)


def _bytes_per_ray(base: dict[str, Any], device: torch.device) -> int:
    """About how much memory a ray takes in a training step, in multiples of the networks' width; on CUDA the distortion
    loss compares all samples of a ray with each other besides."""
    proposals, samples, width = sum(base["proposalSamples"]), base["samples"], base["hiddenWidth"]
    if device.type == "cpu":
        return (samples + proposals) * width * 4 * 12
    feature = 0 if gpu_kernels_are_available() else KEPT_PER_FEATURE
    grids = feature * (samples * base["levels"] + proposals * PROPOSAL_LEVELS)
    return samples * (220 + 9 * width // 2) + 96 * proposals + 4 * samples**2 + grids


def _finest_useful_resolution(scene: Scene, bounds: Bounds) -> int:
    """Cells a side at which a cell is as large as a pixel's footprint at the scene's centre; a power of two."""
    footprints = [
        np.linalg.norm(photo.camera.camera_to_world[:3, 3] - scene.box.mean(0)) / max(photo.camera.fx, photo.camera.fy)
        for photo in scene.photos
    ]
    # The contraction of an open scene maps [-1, 1] onto the middle half of the grid's side.
    side = float(np.ptp(bounds.box, axis=0).max()) if bounds.box else 4.0
    return int(2 ** np.ceil(np.log2(np.clip(side / float(np.median(footprints)), 4 * COARSEST, 8192))))
