"""How a time budget becomes a number of steps."""

from __future__ import annotations

from reconstruction_worker.engines.training.time_plan import FIRST, MEASURED, TimePlan


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
