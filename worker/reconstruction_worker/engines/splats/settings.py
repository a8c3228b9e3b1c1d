"""How splats are set up for a scene: as many Gaussians as the photos can tell apart, and as memory has room for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from reconstruction_api.job import Training, TrainingPreset

from ..training.out_of_memory import free_bytes
from ..training.posed_photos import Scene

FEW_PHOTOS = 10
"""Up to so many photos a colour is the same from everywhere: there are too few to tell how it changes."""
SMALLER = 0.5
SMALL_FROM = 256 * 256
"""Pixels that photos must have for training to begin with them in half their size."""
PER_PIXEL_OF_ALL, PER_PIXEL_OF_ONE = 1 / 10, 2.0
"""Gaussians for each pixel of all photos together, and for each of a photo: more would learn the photos by heart."""
PER_STEP = {"cpu": 15, "cuda": 200}
FEWEST_IN_TIME = 20_000
"""Gaussians for each step of training, and for the shortest."""
FEWEST = 1000
BYTES_PER_GAUSSIAN = 2600
"""Values, slopes, two moments, what a checkpoint copies, and its share of the pairs with tiles; for degree 3."""
MEMORY_SHARE = 0.25
"""Of the free memory, for the Gaussians."""


def derive_settings(scene: Scene, training: Training, device: torch.device) -> dict[str, Any]:
    """Settings for a scene as plain JSON data. `training.steps` is set."""
    steps = training.planned_steps(on_gpu=device.type == "cuda")
    pixels = [photo.camera.width * photo.camera.height for photo in scene.photos]
    return {
        "steps": steps,
        "raysPerStep": round(sum(pixels) / len(pixels)) * training.gradient_accumulation,
        "photosPerStep": training.gradient_accumulation,
        "harmonics": _degree(scene, training, device),
        "mostGaussians": most_gaussians(scene, training, device),
        "smaller": SMALLER if min(pixels) >= SMALL_FROM else 1.0,
        "antialiased": True,
        "extent": float(np.linalg.norm(np.ptp(scene.box, axis=0)) / 2),
    }


def most_gaussians(scene: Scene, training: Training, device: torch.device) -> int:
    """How many there may be: no more than the photos can tell apart, than a training of so many steps puts to use, and
    than memory has room for."""
    pixels = [photo.camera.width * photo.camera.height for photo in scene.photos]
    told_apart = min(PER_PIXEL_OF_ALL * sum(pixels), PER_PIXEL_OF_ONE * sum(pixels) / len(pixels))
    in_time = gaussians_in_time(training.planned_steps(on_gpu=device.type == "cuda"), device)
    in_memory = MEMORY_SHARE * free_bytes(device) / BYTES_PER_GAUSSIAN
    half = 2 if training.chosen_preset is TrainingPreset.DEVELOPMENT else 1
    return max(FEWEST, int(min(told_apart, in_time / half, in_memory)))


def gaussians_in_time(steps: int, device: torch.device) -> int:
    """How many a training of so many steps puts to use."""
    return max(FEWEST_IN_TIME, PER_STEP[device.type] * steps)


def _degree(scene: Scene, training: Training, device: torch.device) -> int:
    if len(scene.photos) <= FEW_PHOTOS:
        return 0
    if training.chosen_preset is TrainingPreset.DEVELOPMENT:
        return 1
    return 3 if device.type == "cuda" else 2
