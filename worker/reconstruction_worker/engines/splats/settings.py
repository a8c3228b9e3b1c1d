"""How splats are set up for a scene: as many Gaussians as the photos can tell apart, and as memory has room for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from reconstruction_api.training import Training, TrainingPreset

from ..training.out_of_memory import free_bytes
from ..training.posed_photos import Scene
from .overlap import overlap_is_small

FEW_PHOTOS = 10
"""Up to so many photos a colour is the same from everywhere: there are too few to tell how it changes."""
STEPS_OF_FEW = 500
"""For so few photos: three of the demo are reproduced no better after 600 steps than after 450."""
ROUNDS_OF_SMALL_OVERLAP = 11
"""How often each photo is looked at where few of them show a place: longer, and they are learnt by heart. The beach of
the benchmarks: 17.9 to 18.0 dB after 9 to 12 rounds, 17.8 after 17 and 17.6 after 28."""
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
    """Settings for a scene as plain JSON data."""
    steps = planned_steps(scene, training, device)
    pixels = [photo.camera.width * photo.camera.height for photo in scene.photos]
    return {
        "steps": steps,
        "raysPerStep": round(sum(pixels) / len(pixels)) * training.gradient_accumulation,
        "photosPerStep": training.gradient_accumulation,
        "harmonics": _degree(scene, training, device),
        "mostGaussians": most_gaussians(scene, training, device, steps),
        "smaller": SMALLER if min(pixels) >= SMALL_FROM else 1.0,
        "antialiased": True,
        "extent": float(np.linalg.norm(np.ptp(scene.box, axis=0)) / 2),
    }


def planned_steps(scene: Scene, training: Training, device: torch.device) -> int:
    """What the job asks for; where it leaves that to the engine, no more than do good."""
    steps = training.planned_steps(on_gpu=device.type == "cuda")
    if training.steps is not None:
        return steps
    if len(scene.photos) <= FEW_PHOTOS:
        return min(steps, STEPS_OF_FEW)
    if not overlap_is_small(scene):
        return steps
    return min(steps, max(1, ROUNDS_OF_SMALL_OVERLAP * len(scene.photos) // training.gradient_accumulation))


def most_gaussians(scene: Scene, training: Training, device: torch.device, steps: int) -> int:
    """How many there may be: no more than the photos can tell apart, than a training of so many steps puts to use, and
    than memory has room for."""
    pixels = [photo.camera.width * photo.camera.height for photo in scene.photos]
    told_apart = min(PER_PIXEL_OF_ALL * sum(pixels), PER_PIXEL_OF_ONE * sum(pixels) / len(pixels))
    in_time = gaussians_in_time(steps, device)
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
