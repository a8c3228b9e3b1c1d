"""Coalescing of live updates."""

from __future__ import annotations

from reconstruction_operator.progress import LiveUpdates

from .builders import KEY, PREPARE, RECONSTRUCT, run_of, update

RUN = run_of(RECONSTRUCT)


def at(percent: float, sequence: int, attempt: int = 1):
    return update(RUN.model_copy(update={"attempt": attempt}), "train", percent, sequence)


def test_the_first_update_is_shown_at_once() -> None:
    live = LiveUpdates(1.0)
    assert live.receive(KEY, at(1, 1), now=10.0) == 0
    assert live.visible(KEY, now=10.0) == (at(1, 1), None)


def test_at_most_one_update_an_interval_is_shown_and_the_last_is_never_lost() -> None:
    live = LiveUpdates(1.0)
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
    live = LiveUpdates(1.0)
    live.receive(KEY, at(1, 1), 10.0)
    live.visible(KEY, 10.0)
    assert live.receive(KEY, at(2, 2), 10.25) == 0.75
    assert live.visible(KEY, 10.25) == (at(1, 1), 0.75)
    assert live.visible(KEY, 11.0) == (at(2, 2), None)


def test_updates_out_of_order_are_ignored() -> None:
    live = LiveUpdates(1.0)
    live.receive(KEY, at(5, 5), 10.0)
    assert live.receive(KEY, at(4, 4), 10.1) is None
    assert live.receive(KEY, at(5, 5), 10.1) is None


def test_a_new_attempt_starts_counting_anew() -> None:
    live = LiveUpdates(1.0)
    live.receive(KEY, at(90, 900), 10.0)
    assert live.receive(KEY, at(1, 1, attempt=2), 10.1) is not None


def test_the_next_class_starts_counting_anew() -> None:
    live = LiveUpdates(1.0)
    live.receive(KEY, update(run_of(PREPARE), "poses", 90, 900), 10.0)
    assert live.receive(KEY, at(1, 1), 10.1) is not None


def test_looking_without_an_update_shows_nothing() -> None:
    assert LiveUpdates(1.0).visible(KEY, 0.0) == (None, None)
