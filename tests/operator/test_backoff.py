"""Pauses between attempts."""

from __future__ import annotations

from reconstruction_operator.backoff import Backoff


def test_pauses_double_up_to_the_longest_for_each_by_itself() -> None:
    backoff = Backoff[str](0.5, 3)
    assert [backoff.failed("a") for _ in range(5)] == [0.5, 1, 2, 3, 3]
    assert backoff.failed("b") == 0.5 and len(backoff) == 2
    backoff.reset("a")
    assert backoff.failed("a") == 0.5
    assert max(backoff.failed("a") for _ in range(5000)) == 3
