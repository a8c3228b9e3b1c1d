"""How nerfacto is set up for a scene: grids as fine as the photos, samples and batches as the device can carry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from reconstruction_api.job import Training

from ..nerf.rays import UNIFORM_UP_TO, Bounds
from ..nerf.scene import Scene

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

COARSEST = 16
"""Cells a side of the coarsest grid."""
GROWTH = 1.37
"""Ratio of one grid's cells a side to the next coarser one's (Müller et al. 2022 use 1.26 to 2)."""


def derive_settings(scene: Scene, bounds: Bounds, training: Training, device: torch.device) -> dict[str, Any]:
    """Settings for a scene as plain JSON data."""
    base = CUDA if device.type == "cuda" else CPU if scene.bounded else CPU_OPEN
    uniform = bounds.box is not None or scene.far / max(scene.near, 1e-6) <= UNIFORM_UP_TO
    finest = min(base["maxResolution"], _finest_useful_resolution(scene, bounds))
    return {
        **base,
        "maxResolution": finest,
        "levels": min(base["levels"], 1 + round(math.log(finest / COARSEST) / math.log(GROWTH))),
        "firstRate": 1e-2,
        "lastRate": 1e-3,
        "initialSampler": "uniform" if uniform else "piecewise",
        "annealSteps": min(1000, max(training.steps // 10, 100)),
        "proposalWarmup": min(5000, max(training.steps // 3, 500)),
    }


def _finest_useful_resolution(scene: Scene, bounds: Bounds) -> int:
    """Cells a side at which a cell is as large as a pixel's footprint at the scene's centre; a power of two."""
    footprints = [
        np.linalg.norm(photo.camera.camera_to_world[:3, 3] - scene.box.mean(0)) / max(photo.camera.fx, photo.camera.fy)
        for photo in scene.photos
    ]
    # The contraction of an open scene maps [-1, 1] onto the middle half of the grid's side.
    side = float(np.ptp(bounds.box, axis=0).max()) if bounds.box else 4.0
    return int(2 ** np.ceil(np.log2(np.clip(side / float(np.median(footprints)), 4 * COARSEST, 8192))))
