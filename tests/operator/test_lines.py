"""Which of the waiting jobs is next."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from reconstruction_operator.causes import Cause
from reconstruction_operator.lines import Lines
from reconstruction_operator.model import JobKey

ALL = list(Cause)


def job(namespace: str, number: int = 0) -> JobKey:
    return JobKey(namespace, f"job-{number}")


def pop(lines: Lines, causes: list[Cause] = ALL) -> tuple[JobKey, Cause] | None:
    return lines.pop(causes, lambda *_: True)


def taken(lines: Lines) -> list[tuple[JobKey, Cause]]:
    return [each for _ in range(len(lines)) if (each := pop(lines)) is not None]


def test_namespaces_take_turns_and_each_keeps_its_own_order() -> None:
    lines = Lines()
    for namespace, count in (("a", 4), ("b", 2), ("c", 1)):
        for number in range(count):
            lines.add(job(namespace, number), Cause.STARTING)
    order = [f"{key.namespace}{key.name[-1]}" for key, _ in taken(lines)]
    assert order == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_a_namespace_that_comes_again_is_behind_those_that_wait() -> None:
    lines = Lines()
    lines.add(job("a", 0), Cause.STARTING)
    lines.add(job("b", 0), Cause.STARTING)
    pop(lines)
    lines.add(job("a", 1), Cause.STARTING)
    assert [key.namespace for key, _ in taken(lines)] == ["b", "a"]


def test_a_job_comes_forward_for_a_more_urgent_cause_and_never_goes_back() -> None:
    lines = Lines()
    lines.add(job("a"), Cause.ROUTINE)
    lines.add(job("a"), Cause.CHANGED)
    lines.add(job("a"), Cause.OBSERVED)
    assert taken(lines) == [(job("a"), Cause.CHANGED)]
    assert len(lines) == 0 and pop(lines) is None


def test_a_change_is_next_whatever_waits() -> None:
    lines = Lines()
    for cause in (Cause.STARTING, Cause.OBSERVED, Cause.ROUTINE):
        for number in range(1000):
            lines.add(JobKey("crowd", f"{cause.name}-{number}"), cause)
    for _ in range(50):
        pop(lines)
    lines.add(job("b"), Cause.CHANGED)
    assert pop(lines) == (job("b"), Cause.CHANGED)


def test_no_cause_starves() -> None:
    lines = Lines()
    for cause in Cause:
        for number in range(1000):
            lines.add(JobKey("crowd", f"{cause.name}-{number}"), cause)
    shares = Counter(found[1] for _ in range(230) if (found := pop(lines)))
    assert shares == {Cause.CHANGED: 160, Cause.STARTING: 40, Cause.OBSERVED: 20, Cause.ROUTINE: 10}


def test_a_share_that_was_not_wanted_is_not_saved_up() -> None:
    lines = Lines()
    for number in range(1000):
        lines.add(JobKey("crowd", f"early-{number}"), Cause.STARTING)
    for _ in range(900):
        pop(lines)
    for number in range(100):
        lines.add(JobKey("crowd", f"late-{number}"), Cause.ROUTINE)
    shares = Counter(found[1] for _ in range(50) if (found := pop(lines)))
    assert shares == {Cause.STARTING: 40, Cause.ROUTINE: 10}


def test_a_closed_namespace_holds_up_no_other() -> None:
    lines = Lines()
    lines.add(job("a"), Cause.CHANGED)
    lines.add(job("b"), Cause.ROUTINE)
    assert lines.pop(ALL, lambda _, namespace: namespace != "a") == (job("b"), Cause.ROUTINE)
    assert lines.pop(ALL, lambda _, namespace: namespace != "a") is None
    assert pop(lines) == (job("a"), Cause.CHANGED)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.sampled_from(ALL), st.booleans()), max_size=80))
def test_every_job_is_taken_once_for_its_most_urgent_cause(steps: list[tuple[str, int, Cause, bool]]) -> None:
    lines, wanted = Lines(), dict[JobKey, Cause]()
    for namespace, number, cause, takes in steps:
        key = job(namespace, number)
        lines.add(key, cause)
        wanted[key] = min(cause, wanted.get(key, cause))
        if takes and (found := pop(lines)):
            assert wanted.pop(found[0]) == found[1]
        assert len(lines) == len(wanted)
    assert dict(taken(lines)) == wanted
