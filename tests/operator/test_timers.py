"""When jobs are looked at again."""

from __future__ import annotations

import random

from reconstruction_operator.causes import Cause
from reconstruction_operator.model import JobKey
from reconstruction_operator.timers import Timers

KEY = JobKey("n", "a")


def test_the_heap_stays_small_however_often_a_time_is_set_and_dropped() -> None:
    timers, numbers = Timers(), random.Random(3)
    keys = [JobKey("n", f"{number}") for number in range(100)]
    largest = 0
    for step in range(50_000):
        key = numbers.choice(keys)
        if step % 2:
            timers.forget(key)
        timers.set(key, 1000 + numbers.random(), Cause.ROUTINE)
        largest = max(largest, len(timers))
    assert largest <= 2 * len(keys) + 65
    assert sorted(timer.key for timer in timers.pop(2000)) == sorted(keys)
    assert timers.pop(5000) == []


def test_the_earliest_time_counts_for_the_most_urgent_cause() -> None:
    timers = Timers()
    assert timers.set(KEY, 20, Cause.OBSERVED)
    assert timers.set(KEY, 10, Cause.ROUTINE)
    assert not timers.set(KEY, 30, Cause.ROUTINE)
    assert timers.pop(9) == []
    assert [(each.when, each.cause) for each in timers.pop(10)] == [(10, Cause.OBSERVED)]
    assert timers.pop(100) == []


def test_a_dropped_time_never_comes() -> None:
    timers = Timers()
    timers.set(KEY, 1, Cause.CHANGED)
    timers.forget(KEY)
    timers.set(KEY, 5, Cause.ROUTINE)
    assert timers.pop(2) == []
    assert [each.when for each in timers.pop(5)] == [5]
