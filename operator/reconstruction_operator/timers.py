"""One time a job, at which it is looked at again."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from .causes import Cause
from .model import JobKey

_FEW = 64


class Timer(NamedTuple):
    when: float
    cause: Cause
    key: JobKey


class Timers:
    """The heap may hold times that no longer count; it never grows beyond twice the number of jobs that have one."""

    def __init__(self) -> None:
        self._due: dict[JobKey, Timer] = {}
        self._heap: list[Timer] = []

    def __len__(self) -> int:
        """Entries of the heap, those that no longer count as well."""
        return len(self._heap)

    def set(self, key: JobKey, when: float, cause: Cause) -> bool:
        """Whether the job's time is new. The earliest counts, for the most urgent cause of all that were given."""
        known = self._due.get(key)
        if known is not None:
            when, cause = min(when, known.when), min(cause, known.cause)
            if (when, cause) == (known.when, known.cause):
                return False
        self._due[key] = timer = Timer(when, cause, key)
        heapq.heappush(self._heap, timer)
        if len(self._heap) > 2 * len(self._due) + _FEW:
            self._heap = list(self._due.values())
            heapq.heapify(self._heap)
        return True

    def forget(self, key: JobKey) -> None:
        self._due.pop(key, None)

    def pop(self, now: float) -> list[Timer]:
        """Those whose time has come."""
        come: list[Timer] = []
        while self._heap and self._heap[0].when <= now:
            timer = heapq.heappop(self._heap)
            if self._due.get(timer.key) == timer:
                del self._due[timer.key]
                come.append(timer)
        return come

    def next(self) -> float | None:
        """The earliest time of all; it may be of an entry that no longer counts."""
        return self._heap[0].when if self._heap else None
