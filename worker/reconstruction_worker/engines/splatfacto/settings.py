"""How splatfacto is set up: nerfstudio's schedule, stretched or shortened to the number of steps."""

from __future__ import annotations

from typing import Any

from reconstruction_api.training import Training, TrainingPreset

from ..training.posed_photos import Scene

FULL_STEPS = 30_000
"""Steps that nerfstudio's schedule is made for."""

RATES = {
    "means": 1.6e-4,
    "features_dc": 2.5e-3,
    "features_rest": 2.5e-3 / 20,
    "opacities": 0.05,
    "scales": 5e-3,
    "quats": 1e-3,
}
"""nerfstudio's learning rates. That of the positions falls to a hundredth; the others stay."""
LAST_RATE_OF_MEANS = 1.6e-6

RESETS_EVERY = 30
"""Refinements between two resets of the opacities."""
RANDOM_POINTS = 50_000
"""Gaussians to begin with where there is no sparse model."""


MOST_GAUSSIANS = 6_000_000
"""Gaussians above which files become too large for viewers; real scenes rarely need more."""


def bytes_per_gaussian(harmonics: int) -> int:
    """About how much memory one takes in training: parameters, gradients and both moments, copies while they are
    divided, and what the rasteriser knows of it. `harmonics` is the highest degree."""
    values = 11 + 3 * (harmonics + 1) ** 2  # position, size, rotation, opacity; colour
    return values * 4 * 6 + 1000


def derive_settings(scene: Scene, training: Training, free: int) -> dict[str, Any]:
    """Settings for a scene as plain JSON data. `free` is memory in bytes, half of which the Gaussians may take."""
    steps = training.planned_steps(on_gpu=True)
    development = training.chosen_preset is TrainingPreset.DEVELOPMENT
    refine = min(100, max(2, steps * 100 // FULL_STEPS))
    pixels = [photo.camera.width * photo.camera.height for photo in scene.photos]
    harmonics = 2 if development else 3
    return {
        "steps": steps,
        "raysPerStep": round(sum(pixels) / len(pixels)),
        "photosPerStep": training.gradient_accumulation,
        "harmonics": harmonics,
        "mostGaussians": min(MOST_GAUSSIANS, free // (2 * bytes_per_gaussian(harmonics))),
        "harmonicsEvery": max(1, steps // 30),
        "refineEvery": refine,
        "refineFrom": 5 * refine,
        "refineUntil": steps // 2,
        "resetEvery": RESETS_EVERY,
        # The photos begin at a quarter of their size and double twice; small ones would have nothing left to show.
        "downscales": 2 if min(pixels) >= 256 * 256 else 0,
        "doubleEvery": max(1, steps // 10),
        "densifyGradient": 1.6e-3 if development else 8e-4,
        "randomPoints": RANDOM_POINTS // 2 if development else RANDOM_POINTS,
    }
