"""How often live updates reach the status."""

from __future__ import annotations

from reconstruction_operator.live_updates import LiveUpdates
from reconstruction_operator.model import JobKey

from .builders import KEY, PREPARE, RECONSTRUCT, run_of, update

RUN = run_of(RECONSTRUCT)


def at(percent: float, sequence: int, attempt: int = 1):
    return update(RUN.model_copy(update={"attempt": attempt}), "train", percent, sequence)


def test_the_first_update_is_shown_at_once() -> None:
    live = LiveUpdates(1.0, per_second=50)
    assert live.receive(KEY, at(1, 1), now=10.0) == 0
    assert live.visible(KEY, now=10.0) == (at(1, 1), None)


def test_at_most_one_update_an_interval_is_shown_and_the_last_is_never_lost() -> None:
    live = LiveUpdates(1.0, per_second=50)
    shown = []
    for step in range(50):  # one every 0.1 s, looked at each time
        now = 10.0 + step / 10
        live.receive(KEY, at(step, step), now)
        visible, _ = live.visible(KEY, now)
        if not shown or visible != shown[-1]:
            shown.append(visible)
    assert len(shown) == 5
    visible, wait = live.visible(KEY, 15.5)
    assert visible == at(49, 49) and wait is None


def test_an_update_that_must_wait_says_for_how_long() -> None:
    live = LiveUpdates(1.0, per_second=50)
    live.receive(KEY, at(1, 1), 10.0)
    live.visible(KEY, 10.0)
    assert live.receive(KEY, at(2, 2), 10.25) == 0.75
    assert live.visible(KEY, 10.25) == (at(1, 1), 0.75)
    assert live.visible(KEY, 11.0) == (at(2, 2), None)


def test_updates_out_of_order_are_ignored() -> None:
    live = LiveUpdates(1.0, per_second=50)
    live.receive(KEY, at(5, 5), 10.0)
    assert live.receive(KEY, at(4, 4), 10.1) is None
    assert live.receive(KEY, at(5, 5), 10.1) is None


def test_a_new_attempt_starts_counting_anew() -> None:
    live = LiveUpdates(1.0, per_second=50)
    live.receive(KEY, at(90, 900), 10.0)
    assert live.receive(KEY, at(1, 1, attempt=2), 10.1) is not None


def test_the_next_class_starts_counting_anew() -> None:
    live = LiveUpdates(1.0, per_second=50)
    live.receive(KEY, update(run_of(PREPARE), "poses", 90, 900), 10.0)
    assert live.receive(KEY, at(1, 1), 10.1) is not None


def test_looking_without_an_update_shows_nothing() -> None:
    assert LiveUpdates(1.0, per_second=50).visible(KEY, 0.0) == (None, None)


def test_an_update_that_says_nothing_new_of_stage_and_percentage_waits_for_15_seconds() -> None:
    live = LiveUpdates(1.0, per_second=50)
    live.receive(KEY, at(41.2, 1), 10.0)
    live.visible(KEY, 10.0)
    assert live.receive(KEY, at(41.9, 2), 12.0) == 13.0
    assert live.visible(KEY, 12.0) == (at(41.2, 1), 13.0)
    assert live.visible(KEY, 25.0) == (at(41.9, 2), None)


def test_a_new_percentage_of_a_calm_job_is_shown_at_once() -> None:
    live = LiveUpdates(1.0, per_second=50)
    live.receive(KEY, at(41.2, 1), 10.0)
    live.visible(KEY, 10.0)
    live.receive(KEY, at(41.9, 2), 12.0)
    assert live.receive(KEY, at(42.0, 3), 13.0) == 0
    assert live.visible(KEY, 13.0) == (at(42.0, 3), None)


def test_a_stage_that_ended_is_shown_at_once() -> None:
    live = LiveUpdates(1.0, per_second=50)
    live.receive(KEY, update(RUN, "train", 100, 1), 10.0)
    live.visible(KEY, 10.0)
    assert live.receive(KEY, update(RUN, "evaluate", 100, 2), 11.0) == 0


def test_the_more_jobs_report_the_less_often_each_is_shown() -> None:
    live = LiveUpdates(1.0, per_second=50)
    live.receive(KEY, at(1, 1), 10.0)
    live.visible(KEY, 10.0)
    for number in range(999):
        live.receive(JobKey("museum", f"other-{number}"), at(1, 1), 10.0)
    assert live.receive(KEY, at(2, 2), 11.0) == 19.0


def test_jobs_that_are_silent_or_gone_slow_nobody_down() -> None:
    live = LiveUpdates(1.0, per_second=50)
    others = [JobKey("museum", f"other-{number}") for number in range(1000)]
    for other in others:
        live.receive(other, at(1, 1), 10.0)
    live.forget(others[0])
    assert live.interval(10.0) == 999 / 50
    live.receive(KEY, at(1, 1), 71.0)
    assert live.interval(71.0) == 1.0


def test_with_1000_jobs_that_report_each_second_no_more_is_shown_than_the_cluster_affords() -> None:
    """Each gains one percent in 20 s."""
    live, jobs = LiveUpdates(1.0, per_second=50), [JobKey("museum", f"job-{number}") for number in range(1000)]
    shown: dict[JobKey, object] = {}
    writes: list[int] = []
    for second in range(120):
        writes.append(0)
        for number, job in enumerate(jobs):
            now = second + number / 1000
            live.receive(job, at(now / 20, second), now)
            visible, _ = live.visible(job, now)
            writes[-1] += visible is not shown.get(job)
            shown[job] = visible
    assert sum(writes[60:]) / 60 <= 50
