"""Loops that share their elements among threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from reconstruction_worker import compiled as module
from reconstruction_worker.compiled import Threaded, threaded


@threaded()
def add_index(begin, end, values, unit):  # pragma: no cover - compiled
    for n in range(begin, end):
        values[n] += n * unit


@pytest.mark.parametrize("threads", ["1", "2", "7"])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 55, 56, 57, 1000])
def test_each_element_is_worked_on_once(count: int, threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
    values = np.zeros(count)
    add_index(count, values, 2.0)
    assert values.tolist() == (2.0 * np.arange(count)).tolist()


def test_what_goes_wrong_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def block(begin: int, end: int) -> None:
        if begin <= 30 < end:
            raise ValueError("element 30")

    monkeypatch.setenv("NUMBA_NUM_THREADS", "4")
    with pytest.raises(ValueError, match="element 30"):
        Threaded(block)(100)


def test_blocks_run_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    module._pool.cache_clear()
    barrier, together = threading.Barrier(2, timeout=30), []

    def block(begin: int, end: int) -> None:
        barrier.wait()
        together.append((begin, end))

    try:
        Threaded(block)(2)
    finally:
        module._pool.cache_clear()
    assert sorted(together) == [(0, 1), (1, 2)]
