"""A ladder of ways to estimate poses, from quick to stubborn; the next one is tried while too few photos are placed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from .pairs import PairChoice, Pairing, all_pairs, choose_pairs
from .sfm import (
    FeatureSettings,
    MapperSettings,
    Workbench,
    camera_groups,
    extract,
    match,
    overlapping_pairs,
    reconstruct,
)

ENOUGH: Final = 0.9
"""Share of placed photos at which no further strategy is tried."""
EXHAUSTIVE_LIMIT: Final = 300
"""Photos up to which a strategy may compare all pairs after a choice of pairs was not enough."""

_PLAIN: Final = FeatureSettings()
_RICH: Final = FeatureSettings(max_features=12_000, peak_threshold=0.004, affine=True)
_FAINT: Final = FeatureSettings(max_features=12_000, peak_threshold=0.001, affine=True)
_BOLD: Final = MapperSettings(
    trust_focal=False, initial_inliers=40, initial_angle_degrees=6.0, pose_inliers=16, pose_inlier_ratio=0.15
)


@dataclass(frozen=True)
class Strategy:
    """Features and mapper; consecutive strategies with the same features share them."""

    name: str
    features: FeatureSettings
    mapper: MapperSettings
    every_pair: bool = False
    last_resort: bool = False
    """Only worth its time, and the risk that native code takes the process down, when the job would fail anyway."""


@dataclass
class Attempt:
    """What a strategy achieved."""

    strategy: Strategy
    pairing: Pairing
    seconds: float
    registered: int = 0
    points: int = 0
    model_sizes: list[int] = field(default_factory=list)
    features_per_photo: int = 0
    """Median."""
    verified_pairs: int = 0

    def document(self) -> dict[str, Any]:
        """For registration.json."""
        return {
            "strategy": self.strategy.name,
            "pairing": self.pairing.value,
            "registered": self.registered,
            "points": self.points,
            "modelSizes": self.model_sizes,
            "featuresPerPhoto": self.features_per_photo,
            "verifiedPairs": self.verified_pairs,
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True)
class LadderResult:
    """The best model (None when there is none) and all attempts in their order; `best` is the attempt it is from."""

    model: pycolmap.Reconstruction | None
    attempts: list[Attempt]
    best: Attempt


def ladder(known_focals: bool, masked: bool) -> list[Strategy]:
    """Strategies in the order in which they are tried: those that only place photos anew are quick and come first.
    With masks, the last resort also looks at the background."""
    steps = [Strategy("standard", _PLAIN, MapperSettings())]
    if known_focals:
        steps.append(Strategy("free focal length", _PLAIN, MapperSettings(trust_focal=False)))
    steps.append(Strategy("bold", _PLAIN, _BOLD))
    steps.append(Strategy("distorted", _PLAIN, replace(_BOLD, distortion=True)))
    steps.append(Strategy("rich features", _RICH, _BOLD, every_pair=True))
    steps.append(Strategy("faint features", _FAINT, _BOLD, every_pair=True, last_resort=True))
    steps.append(Strategy("global", _RICH, MapperSettings(kind="global"), every_pair=True, last_resort=True))
    if masked:
        steps.append(Strategy("background", FeatureSettings(use_masks=False), MapperSettings(), last_resort=True))
    return steps


def climb(
    bench: Workbench,
    steps: Sequence[Strategy],
    positions: Sequence[NDArray[np.float64] | None],
    required_share: float,
) -> LadderResult:
    """Try strategies until enough photos are placed; `positions` in metres where GPS knows them, `required_share` of
    the photos is what the job needs at least."""
    best_model: pycolmap.Reconstruction | None = None
    best: Attempt | None = None
    attempts: list[Attempt] = []
    for index, strategy in enumerate(steps):
        share = best.registered / len(bench.photos) if best else 0.0
        if share >= (required_share if strategy.last_resort else max(ENOUGH, required_share)):
            break
        model, attempt = _try(_shifted(bench, index), strategy, _pairs(strategy, positions))
        attempts.append(attempt)
        if best is None or (attempt.registered, attempt.points) > (best.registered, best.points):
            best, best_model = attempt, model
    if best is None:
        raise ValueError("no strategies")
    return LadderResult(best_model, attempts, best)


def _try(bench: Workbench, strategy: Strategy, choice: PairChoice) -> tuple[pycolmap.Reconstruction | None, Attempt]:
    start = time.monotonic()
    database = bench.scratch / f"{_tag(strategy.features)}-{choice.pairing}.db"
    if not database.exists():
        extract(bench.part(0.0, 0.35), strategy.features, camera_groups(bench.photos), database)
        match(bench.part(0.35, 0.7), strategy.features, choice.pairs, database)
    models = reconstruct(bench.part(0.7, 1.0), strategy.mapper, database)
    attempt = Attempt(strategy, choice.pairing, time.monotonic() - start)
    attempt.model_sizes = [model.num_reg_images() for model in models]
    if models:
        attempt.registered, attempt.points = models[0].num_reg_images(), models[0].num_points3D()
    with pycolmap.Database.open(database) as db:
        counts = [db.num_keypoints_for_image(image.image_id) for image in db.read_all_images()]
    attempt.features_per_photo = int(np.median(counts)) if counts else 0
    attempt.verified_pairs = overlapping_pairs(database)
    return (models[0] if models else None), attempt


def _pairs(strategy: Strategy, positions: Sequence[NDArray[np.float64] | None]) -> PairChoice:
    if strategy.every_pair and len(positions) <= EXHAUSTIVE_LIMIT:
        return all_pairs(len(positions))
    return choose_pairs(len(positions), positions)


def _tag(features: FeatureSettings) -> str:
    kind = "plain" if not features.affine else "rich" if features.peak_threshold == _RICH.peak_threshold else "faint"
    return f"{kind}{'' if features.use_masks else '-unmasked'}"


def _shifted(bench: Workbench, index: int) -> Workbench:
    """The first strategy, which nearly always suffices, takes most of the progress bar; each other one half of what
    is left."""
    left = 0.2
    if index == 0:
        return bench.part(0.0, 1 - left)
    return bench.part(1 - left * 0.5 ** (index - 1), 1 - left * 0.5**index)
