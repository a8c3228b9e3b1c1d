"""Tries strategies until one has placed enough photos, and says what each achieved."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from reconstruction_api.documents.registration import StrategyResult

from ..geometry.gps_accuracy import deviations_of
from . import learned_features
from .gps_agreement import Agreement, agreement
from .gps_priors import GROWING_METRES, GpsPosition, distinct_positions, loosened, write_priors
from .mapping import reconstruct
from .match_learned import learned_pairing, match_learned
from .misplaced import confirmed_share
from .own_lenses import with_own_lenses
from .pairs import PairChoice, Pairing, choose_pairs
from .partners import pairs_to_match
from .sfm import Workbench, camera_groups, extract, flat_pairs, match, overlapping_pairs
from .strategies import Strategy

ENOUGH: Final = 0.9
"""Share of placed photos at which no further strategy is tried."""
SURE: Final = 0.75
"""Share of the pairs of photos that must confirm a model for it to be believed."""

NOT_INSTALLED: Final = f"the worker was installed without its optional extra '{learned_features.EXTRA}'"


@dataclass
class Attempt:
    """What a strategy achieved."""

    strategy: Strategy
    pairing: Pairing
    seconds: float = 0.0
    registered: int = 0
    points: int = 0
    model_sizes: list[int] = field(default_factory=list)
    features_per_photo: int = 0
    """Median."""
    verified_pairs: int = 0
    flat_pairs: int = 0
    """Of the verified pairs, those that a homography explains."""
    gps: Agreement | None = None
    """With the photos' GPS, where that can tell."""
    confirmed: float | None = None
    """Share of the pairs of photos whose matches confirm the model's poses, where any can tell."""
    model: pycolmap.Reconstruction | None = None
    """The one with the most photos."""
    left_out: str = ""
    """Why the strategy could not be tried; empty where it was."""

    @property
    def contradicts_gps(self) -> bool:
        return self.gps is not None and self.gps.contradicts

    @property
    def unconfirmed(self) -> bool:
        """Whether too few pairs of photos confirm the model's poses."""
        return self.confirmed is not None and self.confirmed < SURE

    @property
    def doubtful(self) -> bool:
        return self.contradicts_gps or self.unconfirmed

    def document(self) -> StrategyResult:
        """For registration.json."""
        return StrategyResult(
            strategy=self.strategy.name,
            pairing=self.pairing,
            registered=self.registered,
            points=self.points,
            model_sizes=self.model_sizes,
            features_per_photo=self.features_per_photo,
            verified_pairs=self.verified_pairs,
            confirmed=self.confirmed,
            gps=self.gps.document() if self.gps is not None else None,
            seconds=round(self.seconds, 1),
            **({"left_out": self.left_out} if self.left_out else {}),
        )


def try_strategies(
    bench: Workbench,
    steps: Sequence[Strategy],
    gps_positions: Sequence[GpsPosition],
    required_share: float,
) -> tuple[Attempt, list[Attempt]]:
    """Try strategies until enough photos are placed: the best attempt, and all in their order. `gps_positions` are in
    metres, where they are known; `required_share` of the photos is what the job needs at least."""
    total = len(bench.photos)
    attempts: list[Attempt] = []
    for index, strategy in enumerate(steps):
        if _enough(attempts, strategy, total, required_share):
            break
        choice = choose_pairs(total, gps_positions)
        if strategy.features.learned:
            choice = PairChoice(learned_pairing(total), ())  # by their own features, not by these
        if strategy.features.learned and not learned_features.installed():
            attempts.append(Attempt(strategy, choice.pairing, left_out=NOT_INSTALLED))
            continue
        start = _to_extend(attempts, strategy, choice) if strategy.extends else None
        if strategy.extends and start is None:
            continue
        attempts.append(_try(_shifted(bench, index), strategy, choice, gps_positions, start))
    if not attempts:
        raise ValueError("no strategies")
    return best_of(attempts, total, required_share), attempts


def best_of(attempts: Sequence[Attempt], total: int, required_share: float) -> Attempt:
    """The attempt that placed the most photos. A doubtful one only wins when no other has placed what the job needs: it
    may still be GPS that is wrong, or the lens that is not known well enough for pairs to confirm anything."""

    def rank(attempt: Attempt) -> tuple[bool, int, int]:
        believed = not attempt.doubtful and attempt.registered >= required_share * total
        return believed, attempt.registered, attempt.points

    return max(attempts, key=rank)


def strategies_left_out(attempts: Sequence[Attempt]) -> str:
    """One line about the strategies that could not be tried; empty where all were."""
    reasons = {attempt.left_out: attempt.strategy.name for attempt in reversed(attempts) if attempt.left_out}
    return "; ".join(f"strategy {name} was left out: {reason}" for reason, name in reasons.items())


def _enough(attempts: Sequence[Attempt], strategy: Strategy, total: int, required_share: float) -> bool:
    """Whether `strategy` is not worth its time any more."""
    if strategy.last_resort:
        return max((attempt.registered for attempt in attempts), default=0) >= required_share * total
    believed = (attempt.registered for attempt in attempts if not attempt.doubtful)
    return max(believed, default=0) >= max(ENOUGH, required_share) * total


def _to_extend(attempts: Sequence[Attempt], strategy: Strategy, choice: PairChoice) -> pycolmap.Reconstruction | None:
    """The largest model so far from the same features and pairs that is not doubtful."""
    usable = [
        attempt
        for attempt in attempts
        if attempt.strategy.features == strategy.features
        and attempt.strategy.own_lenses == strategy.own_lenses
        and attempt.pairing == choice.pairing
        and attempt.model is not None
        and not attempt.doubtful
    ]
    return max(usable, key=lambda attempt: (attempt.registered, attempt.points)).model if usable else None


def _try(
    bench: Workbench,
    strategy: Strategy,
    choice: PairChoice,
    gps_positions: Sequence[GpsPosition],
    start: pycolmap.Reconstruction | None,
) -> Attempt:
    began = time.monotonic()
    database = bench.scratch / f"{strategy.features.tag}-{choice.pairing}.db"
    if not database.exists():
        groups = camera_groups(bench.photos)
        if strategy.features.learned:
            match_learned(bench.part(0.0, 0.7), groups, database)
        else:
            extract(bench.part(0.0, 0.35), strategy.features, groups, database)
            pairs = pairs_to_match(bench.part(0.35, 0.4), choice, database)
            match(bench.part(0.4, 0.7), strategy.features, pairs, database)
    if strategy.own_lenses:
        common, database = database, database.with_name(f"{database.stem}-own-lenses.db")
        with_own_lenses(bench, camera_groups(bench.photos), common, database)
    names = [photo.name for photo in bench.photos]
    deviations = deviations_of([photo.gps_deviation for photo in bench.photos])
    if strategy.mapper.use_positions:
        priors = distinct_positions(names, gps_positions, deviations)
        write_priors(database, loosened(priors, GROWING_METRES))
    models = reconstruct(bench.part(0.7, 1.0), strategy.mapper, database, start)
    attempt = Attempt(strategy, choice.pairing)
    attempt.model_sizes = [model.num_reg_images() for model in models]
    if models:
        attempt.model = models[0]
        attempt.registered, attempt.points = models[0].num_reg_images(), models[0].num_points3D()
        attempt.confirmed = confirmed_share(models[0], database)
        attempt.gps = _agreement(models[0], dict(zip(names, zip(gps_positions, deviations, strict=True), strict=True)))
    with pycolmap.Database.open(database) as db:
        counts = [db.num_keypoints_for_image(image.image_id) for image in db.read_all_images()]
    attempt.features_per_photo = int(np.median(counts)) if counts else 0
    attempt.verified_pairs, attempt.flat_pairs = overlapping_pairs(database), flat_pairs(database)
    attempt.seconds = time.monotonic() - began
    return attempt


def _agreement(
    model: pycolmap.Reconstruction, gps: dict[str, tuple[GpsPosition, NDArray[np.float64]]]
) -> Agreement | None:
    images = [model.image(image_id) for image_id in model.reg_image_ids()]
    positions = np.array([image.projection_center() for image in images])
    located, deviations = zip(*(gps[image.name] for image in images), strict=True)
    return agreement(positions, located, np.array(deviations))


def _shifted(bench: Workbench, index: int) -> Workbench:
    """The first strategy, which nearly always suffices, takes most of the progress bar; each other one half of what
    is left."""
    left = 0.2
    if index == 0:
        return bench.part(0.0, 1 - left)
    return bench.part(1 - left * 0.5 ** (index - 1), 1 - left * 0.5**index)
