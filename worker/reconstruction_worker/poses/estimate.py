"""Poses from the photos themselves."""

from __future__ import annotations

from dataclasses import dataclass

from reconstruction_api.errors import ReconstructionError

from .gps import local_positions
from .model import PosedModel
from .refine import refine_intrinsics
from .sfm import Workbench, has_masks
from .strategies import Attempt, LadderResult, climb, ladder

POOR_FEATURES = 150
"""Features a photo, at the median, below which missing texture is the likelier reason of a failure."""


@dataclass(frozen=True)
class Estimate:
    """A model and the attempts that led to it."""

    model: PosedModel
    attempts: list[Attempt]
    strategy: str


def estimate_poses(bench: Workbench, required_share: float) -> Estimate:
    """Structure from motion; `required_share` of the photos is what the job needs. Raises PoseEstimationFailed."""
    photos = bench.photos
    steps = ladder(any(photo.focal_pixels for photo in photos), has_masks(photos))
    result = climb(bench, steps, local_positions([photo.gps for photo in photos]), required_share)
    if result.model is None:
        raise _failure(result, len(photos))
    model = PosedModel.from_reconstruction(refine_intrinsics(result.model))
    return Estimate(model, result.attempts, result.best.strategy.name)


def _failure(result: LadderResult, count: int) -> ReconstructionError:
    features = max(attempt.features_per_photo for attempt in result.attempts)
    pairs = max(attempt.verified_pairs for attempt in result.attempts)
    if features < POOR_FEATURES:
        reason = f"they show too little texture ({features} features in a typical photo)"
    elif pairs == 0:
        reason = "no two of them show the same place"
    else:
        reason = f"only {pairs} pairs of them overlap, and not enough to fit together"
    return ReconstructionError(
        "PoseEstimationFailed",
        f"None of the {count} photos could be placed: {reason}.",
        details={
            "photos": count,
            "featuresPerPhoto": features,
            "overlappingPairs": pairs,
            "tried": [attempt.strategy.name for attempt in result.attempts],
        },
    )
