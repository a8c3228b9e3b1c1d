"""What GPS may say about a model, and what it can't."""

from __future__ import annotations

import numpy as np
import pytest

from reconstruction_api.documents.registration import PoseOrigin
from reconstruction_worker.poses.gps_agreement import Agreement, agreement
from reconstruction_worker.poses.gps_priors import determine_scale, distinct_positions
from reconstruction_worker.poses.pairs import Pairing
from reconstruction_worker.poses.registration import Registration
from reconstruction_worker.poses.strategies import ladder
from reconstruction_worker.poses.try_strategies import Attempt, best_of

from .scenes import Array

RIGHT, WRONG = Agreement(3.0, False), Agreement(23.0, True)


def a_route(count: int = 30, step: float = 7.0) -> Array:
    generator = np.random.default_rng(0)
    return (
        np.cumsum(np.stack([np.full(count, 0.3), np.ones(count), generator.normal(0, 0.05, count)], 1), axis=0) * step
    )


def gps_of(route: Array, noise: float = 3.0) -> Array:
    return route + np.random.default_rng(1).normal(0, noise, route.shape)


def shrunk_from(route: Array, photo: int, factor: float) -> Array:
    steps = np.diff(route, axis=0, prepend=route[:1])
    steps[photo:] *= factor
    return np.cumsum(steps, axis=0)


def an_attempt(registered: int, gps: Agreement | None) -> Attempt:
    return Attempt(ladder(False, False)[0], Pairing.EXHAUSTIVE, registered=registered, gps=gps)


def test_a_model_with_one_scale_agrees() -> None:
    found = agreement(a_route() / 40, list(gps_of(a_route())))
    assert found is not None
    assert not found.contradicts
    assert 2 < found.residual_metres < 7


def test_a_model_that_shrinks_half_way_contradicts() -> None:
    found = agreement(shrunk_from(a_route(), 11, 0.3), list(gps_of(a_route())))
    assert found is not None
    assert found.contradicts


def test_a_few_wild_places_are_not_the_models_fault() -> None:
    gps_positions = gps_of(a_route())
    gps_positions[[3, 17]] += [400.0, -900.0, 60.0]
    found = agreement(a_route(), list(gps_positions))
    assert found is not None
    assert not found.contradicts


@pytest.mark.parametrize(
    ("photos", "step", "unknown"), [(3, 50.0, 0), (30, 0.1, 0), (30, 7.0, 16)], ids=["few", "close", "mostly unknown"]
)
def test_gps_that_can_not_tell_is_not_asked(photos: int, step: float, unknown: int) -> None:
    gps_positions = [None] * unknown + list(a_route(photos, step))[unknown:]
    assert not determine_scale(gps_positions)
    assert agreement(a_route(photos, step), gps_positions) is None
    assert ladder(True, False, determine_scale(gps_positions)) == ladder(True, False)


def test_a_receiver_that_repeats_itself_tells_one_place() -> None:
    here, there = np.zeros(3), np.array([5.0, 0, 0])
    assert list(distinct_positions(["a", "b", "c", "d"], [here, here.copy(), None, there])) == ["a", "d"]


@pytest.mark.parametrize(
    ("attempts", "best"),
    [
        ([(24, RIGHT), (29, WRONG)], 0),
        ([(24, RIGHT), (29, RIGHT)], 1),
        ([(5, None), (29, WRONG)], 1),
        ([(24, None), (29, None)], 1),
        ([(24, WRONG), (29, WRONG)], 1),
    ],
    ids=["wrong loses", "more wins", "not enough are left", "no GPS", "GPS may be wrong"],
)
def test_which_attempt_is_used(attempts: list[tuple[int, Agreement | None]], best: int) -> None:
    tried = [an_attempt(registered, gps) for registered, gps in attempts]
    assert best_of(tried, total=29, required_share=0.6) is tried[best]


def test_the_stage_says_what_gps_made_of_the_models() -> None:
    registration = Registration(PoseOrigin.STRUCTURE_FROM_MOTION, 24, 29, [])
    assert registration.summary(RIGHT, "standard", [an_attempt(24, RIGHT)]) == "24 of 29 photos registered"
    assert registration.summary(RIGHT, None, [an_attempt(24, RIGHT), an_attempt(29, WRONG)]) == (
        "24 of 29 photos registered (strategy standard placed 29, but typically 23 m off their GPS)"
    )
    assert registration.summary(WRONG, None, [an_attempt(24, WRONG)]) == (
        "24 of 29 photos registered, but they contradict the photos' GPS: they are typically 23 m off"
    )
