"""How a time budget becomes a number of steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconstruction_worker.engines.training.time_plan import FIRST, MEASURED, TimePlan
from reconstruction_worker.engines.training.trainer import Schedule


def planned(budget: float | None, seconds_a_step: float, wanted: int = 10_000, slow_start: float = 0.0) -> int:
    """Steps of a training with so fast steps, the first of which takes longer."""
    plan = TimePlan(budget)
    for step in range(1, wanted + 1):
        if (steps := plan.steps(step, slow_start + step * seconds_a_step, wanted)) is not None:
            return steps
    raise AssertionError("never planned")


def test_without_a_budget_all_steps_are_done() -> None:
    assert planned(None, 5.0) == 10_000


def test_as_many_steps_as_fit_are_planned() -> None:
    assert 850 <= planned(100, 0.1) <= 950


def test_a_budget_that_is_long_enough_changes_nothing() -> None:
    assert planned(10_000, 0.1) == 10_000


def test_a_slow_first_step_is_not_taken_for_the_speed() -> None:
    """30 of 100 s went into compiling: 60 s at 0.1 s a step are left of what is planned with."""
    assert 550 <= planned(100, 0.1, slow_start=30) <= 650


def test_a_budget_that_is_over_before_it_could_be_planned_ends_training_soon() -> None:
    assert planned(10, 1.0) == FIRST + MEASURED + 1


def test_steps_that_will_take_longer_are_planned_fewer() -> None:
    plan = TimePlan(110.0)
    plan.steps(FIRST, 10.0, 10_000)
    assert plan.steps(FIRST + MEASURED, 10.0 + MEASURED * 0.1, 10_000, slower=2.0) == FIRST + MEASURED + 425


def trained(budget: float, seconds_a_step: Callable[[int], float], slower: float = 1.0) -> tuple[int, float]:
    """Steps and seconds of a training whose first plan takes the later steps for so much slower."""
    plan, planned, spent, step = TimePlan(budget), None, 0.0, 0
    while planned is None or step < planned:
        step += 1
        spent += seconds_a_step(step)
        planned = plan.steps(step, spent, 100_000, slower if planned is None else 1.0, planned) or planned
    return step, spent


@pytest.mark.parametrize("factor", [0.2, 0.5, 2.0, 5.0])
def test_a_training_whose_speed_changes_still_ends_in_time(factor: float) -> None:
    """As when another program comes, or ends."""
    steps, seconds = trained(100, lambda step: 0.1 * (factor if step > 200 else 1))
    assert 80 <= seconds <= 100
    assert steps == pytest.approx(200 + 700 / factor, rel=0.1)


@pytest.mark.parametrize("slower", [0.5, 2.5, 5.0])
def test_a_training_whose_later_steps_are_not_as_slow_as_was_thought_is_made_longer(slower: float) -> None:
    assert 85 <= trained(100, lambda _: 0.1, slower)[1] <= 100


def test_a_time_that_is_suddenly_over_leaves_some_steps_to_finish() -> None:
    steps, seconds = trained(100, lambda step: 60.0 if step == 300 else 0.1)
    assert 100 < seconds < 115
    assert steps > 340


def test_a_schedule_goes_on_from_where_it_was_when_its_end_changes() -> None:
    schedule = Schedule(steps=1000, rays_per_step=1, first_rate=1.0, last_rate=0.01)
    longer = schedule.ending_at(2000, 500)
    assert [longer.share(step) for step in (500, 1250, 2000)] == [0.5, 0.75, 1.0]
    assert longer.rate(500) == pytest.approx(schedule.rate(500)) == pytest.approx(0.1)
    assert longer.rate(2000) == pytest.approx(0.01)
    again = Schedule(steps=1000, rays_per_step=1, first_rate=1.0, last_rate=0.01).restored(longer.state())
    assert again == longer
    assert schedule.restored({"steps": 1000}) == schedule
