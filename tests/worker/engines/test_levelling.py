"""When the held-out views count as levelled off, and how often they are looked at."""

from __future__ import annotations

import pytest

from reconstruction_api.worker import Trend
from reconstruction_worker.engines.training.held_out_views import steps_between_looks
from reconstruction_worker.engines.training.levelling import PATIENCE, Levelling


def after(*psnrs: float) -> Levelling:
    levelling = Levelling()
    for look, psnr in enumerate(psnrs):
        levelling.add(100 * (look + 1), psnr)
    return levelling


def test_before_the_first_look_nothing_is_known() -> None:
    assert Levelling().trend is None


def test_views_that_gain_a_little_each_time_improve() -> None:
    assert after(*(20 + 0.06 * look for look in range(30))).trend is Trend.IMPROVING


def test_gains_too_small_to_count_add_up() -> None:
    """0.02 dB a look is a gain every third time."""
    assert after(*(20 + 0.02 * look for look in range(30))).trend is Trend.IMPROVING


@pytest.mark.parametrize("last", [25.0, 25.04, 10.0])
def test_views_without_a_gain_have_levelled_off_after_some_looks(last: float) -> None:
    assert after(24.0, 25.0, *[last] * (PATIENCE - 1)).trend is Trend.IMPROVING
    assert after(24.0, 25.0, *[last] * PATIENCE).trend is Trend.LEVELLED_OFF


def test_the_best_look_counts_however_little_better_it_was() -> None:
    levelling = after(24.0, 25.0, 25.01, 24.9)
    assert (levelling.best_step, levelling.best_psnr) == (300, 25.01)


def test_a_saved_state_goes_on_as_before() -> None:
    one = after(24.0, 25.0, 25.0)
    other = Levelling(**one.state())
    for each in (one, other):
        each.add(400, 24.0)
    assert one == other


@pytest.mark.parametrize(("steps", "between"), [(100, 100), (240, 100), (3000, 100), (6000, 200), (30_000, 1000)])
def test_looks_are_spread_over_a_training(steps: int, between: int) -> None:
    assert steps_between_looks(steps, 20) == between
