"""Poses from the photos themselves."""

from __future__ import annotations

from dataclasses import dataclass

from reconstruction_api.errors import ReconstructionError

from ..geometry.gps_accuracy import deviations_of
from ..geometry.local_positions import local_positions
from .gps_priors import are_exact, determine_scale, distinct_positions
from .posed_model import PosedModel
from .refine_intrinsics import held_to_positions, refine_intrinsics
from .separate_lenses import separate_lenses
from .sfm import Workbench, camera_groups, has_masks
from .strategies import ladder
from .try_strategies import Attempt, strategies_left_out, try_strategies
from .two_view import tells_intrinsics

POOR_FEATURES = 150
"""Features a photo, at the median, below which missing texture is the likelier reason of a failure."""


TURNED_SHARE = 0.7
"""Of the overlapping pairs, that a homography has to explain for photos to count as taken from one place."""


@dataclass(frozen=True)
class Estimate:
    """A model, the attempts that led to it, and the one that it is from."""

    model: PosedModel
    attempts: list[Attempt]
    best: Attempt


class NoPoses(Exception):  # noqa: N818 - carries one
    """No photo could be placed; what was tried all the same."""

    def __init__(self, error: ReconstructionError, attempts: list[Attempt]):
        super().__init__(error.message)
        self.error, self.attempts = error, attempts


def estimate_poses(bench: Workbench, required_share: float) -> Estimate:
    """Structure from motion; `required_share` of the photos is what the job needs. Raises NoPoses, whose error is
    PoseEstimationFailed."""
    photos = bench.photos
    gps_positions = local_positions([photo.gps for photo in photos])
    focals = any(photo.focal_pixels for photo in photos)
    shared = [group.names for group in camera_groups(photos) if group.params == "" and len(group.names) > 1]
    guessed = frozenset(name for names in shared for name in names)
    deviations = deviations_of([photo.gps_deviation for photo in photos])
    known = determine_scale(gps_positions, deviations)
    steps = ladder(focals, has_masks(photos), known, len(photos), bool(guessed))
    best, attempts = try_strategies(bench, steps, gps_positions, required_share)
    if best.model is None:
        raise NoPoses(_failure(attempts, len(photos)), attempts)
    held = None
    exact = known and are_exact(gps_positions, deviations) and not best.contradicts_gps
    if best.strategy.mapper.use_positions or exact:
        held = distinct_positions([photo.name for photo in photos], gps_positions, deviations)
    placed = best.model
    if exact and held is not None:
        placed = held_to_positions(placed, held)
    if tells_intrinsics(placed.num_reg_images()):
        placed = refine_intrinsics(separate_lenses(placed, guessed), held, exact=exact)
    return Estimate(PosedModel.from_reconstruction(placed), attempts, best)


def _failure(attempts: list[Attempt], count: int) -> ReconstructionError:
    """Says why no photo could be placed, by what SIFT saw: networks find something alike even in noise."""
    telling = [attempt for attempt in attempts if not attempt.strategy.features.learned]
    features = max(attempt.features_per_photo for attempt in telling)
    flat = max(telling, key=lambda attempt: attempt.verified_pairs)
    pairs = flat.verified_pairs
    suggestion = None
    if pairs >= count / 2 and flat.flat_pairs >= TURNED_SHARE * flat.verified_pairs:
        reason = (
            f"in {flat.flat_pairs} of {flat.verified_pairs} overlapping pairs the camera has only turned on the spot, "
            "which shows no depth"
        )
        suggestion = "Walk around the subject, or past it, and take each photo from another place."
    elif features < POOR_FEATURES:
        reason = f"they show too little texture ({features} features in a typical photo)"
    elif pairs == 0:
        reason = "no two of them show the same place"
    else:
        reason = f"only {pairs} pairs of them overlap, and not enough to fit together"
    return ReconstructionError(
        "PoseEstimationFailed",
        f"None of the {count} photos could be placed: {reason}.",
        suggestion=suggestion,
        details={
            "photos": count,
            "featuresPerPhoto": features,
            "overlappingPairs": pairs,
            "tried": [attempt.strategy.name for attempt in attempts if not attempt.left_out],
            **({"leftOut": missed} if (missed := strategies_left_out(attempts)) else {}),
        },
    )
