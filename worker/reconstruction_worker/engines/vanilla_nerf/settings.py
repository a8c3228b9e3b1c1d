"""How vanilla-nerf is set up: the paper's networks on CUDA, smaller ones on the CPU."""

from __future__ import annotations

from typing import Any

import torch

from reconstruction_api.training import Training, TrainingPreset

from ..rays.rays import spread_of_samples
from ..training.posed_photos import Scene
from ..training.scene_bounds import Bounds

CPU = {
    "raysPerStep": 1024,
    "coarseSamples": 24,
    "fineSamples": 24,
    "layers": 4,
    "width": 96,
    "positionFrequencies": 8,
    "firstRate": 2e-3,
    "lastRate": 2e-4,
}
CUDA = {
    "raysPerStep": 4096,
    "coarseSamples": 64,
    "fineSamples": 128,
    "layers": 8,
    "width": 256,
    "positionFrequencies": 10,
    "firstRate": 5e-4,
    "lastRate": 5e-5,
}


DEVELOPMENT = {
    "cpu": {"raysPerStep": 512},
    "cuda": {"raysPerStep": 2048, "coarseSamples": 48, "fineSamples": 64, "layers": 6, "width": 128},
}
"""What the preset `Development` changes: less detail in less time and memory."""


def derive_settings(scene: Scene, bounds: Bounds, training: Training, device: torch.device) -> dict[str, Any]:
    """Settings for a scene as plain JSON data."""
    base = CUDA if device.type == "cuda" else CPU
    if training.chosen_preset is TrainingPreset.DEVELOPMENT:
        base = base | DEVELOPMENT[device.type]
    return {
        **base,
        "directionFrequencies": 4,
        "initialSampler": spread_of_samples(bounds, scene.near, scene.far),
        "bytesPerRay": _bytes_per_ray(base, device),
    }


def rendering_bytes_per_ray(settings: dict[str, Any]) -> int:
    """About how much GPU memory a ray takes while it is rendered: a dozen activations of the fine network's width, and
    the encodings of positions and directions."""
    return (settings["coarseSamples"] + settings["fineSamples"]) * (250 + 12 * settings["width"])


def _bytes_per_ray(base: dict[str, Any], device: torch.device) -> int:
    """About how much memory a ray takes in a training step: each layer's activations, before and after its
    non-linearity. The fine network sees the coarse one's samples too. On CUDA activations are in half precision."""
    samples = 2 * base["coarseSamples"] + base["fineSamples"]
    if device.type == "cuda":
        return samples * (500 + base["width"] * (2 * base["layers"] + 10))
    return samples * base["width"] * (base["layers"] + 3) * 4 * 3
