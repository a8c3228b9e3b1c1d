"""A queue of jobs to look at: each is in it at most once, and is worked on by at most one worker at a time."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable

from .model import JobKey

_log = logging.getLogger(__name__)

_FIRST_BACKOFF_SECONDS = 0.25
_LONGEST_BACKOFF_SECONDS = 60.0

Work = Callable[[JobKey], Awaitable[float | None]]
"""Looks at one job; answers in how many seconds to look again, None to wait for an observation."""


class JobQueue:
    """Coalescing: whatever is observed while a job waits or is worked on leads to one more look, not to many."""

    def __init__(self, work: Work, concurrency: int):
        self._work = work
        self._concurrency = concurrency
        self._ready: asyncio.Queue[JobKey] = asyncio.Queue()
        self._waiting: set[JobKey] = set()
        self._active: set[JobKey] = set()
        self._again: set[JobKey] = set()
        self._due: dict[JobKey, float] = {}
        self._timers: list[tuple[float, JobKey]] = []
        self._failures: dict[JobKey, int] = {}
        self._wake_timer = asyncio.Event()
        self.errors = 0

    def __len__(self) -> int:
        """Jobs that wait for a worker now."""
        return len(self._waiting)

    def add(self, key: JobKey) -> None:
        """Look at the job as soon as a worker is free."""
        if key in self._active:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def add_after(self, key: JobKey, seconds: float) -> None:
        """Look at the job at that time, unless it is looked at earlier for a time already set."""
        when = asyncio.get_running_loop().time() + max(0.0, seconds)
        if when >= self._due.get(key, float("inf")):
            return
        self._due[key] = when
        heapq.heappush(self._timers, (when, key))
        self._wake_timer.set()

    def forget(self, key: JobKey) -> None:
        """The job is gone: drop its timer and its history."""
        self._due.pop(key, None)
        self._failures.pop(key, None)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_timers())
            for _ in range(self._concurrency):
                tasks.create_task(self._run_worker())

    async def _run_worker(self) -> None:
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._active.add(key)
            try:
                await self._look(key)
            finally:
                self._active.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add(key)

    async def _look(self, key: JobKey) -> None:
        planned = self._due.get(key)
        try:
            seconds = await self._work(key)
        except Exception:
            self.errors += 1
            count = self._failures[key] = self._failures.get(key, 0) + 1
            seconds = min(_FIRST_BACKOFF_SECONDS * 2.0 ** min(count - 1, 20), _LONGEST_BACKOFF_SECONDS)
            about = {"namespace": key.namespace, "job": key.name, "retry_seconds": seconds}
            _log.exception("could not bring the job forward", extra=about)
        else:
            self._failures.pop(key, None)
            if planned is not None and self._due.get(key) == planned:
                del self._due[key]  # this look knows better when the next one is due
        if seconds is not None:
            self.add_after(key, seconds)

    async def _run_timers(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake_timer.clear()
            while self._timers and self._timers[0][0] <= loop.time():
                when, key = heapq.heappop(self._timers)
                if self._due.get(key) == when:
                    del self._due[key]
                    self.add(key)
            pause = self._timers[0][0] - loop.time() if self._timers else None
            try:
                await asyncio.wait_for(self._wake_timer.wait(), pause)
            except TimeoutError:
                continue
