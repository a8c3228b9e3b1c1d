"""A queue of jobs to look at: each is in it at most once, and is worked on by at most one worker at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from .backoff import Backoff
from .causes import Cause
from .lines import Lines
from .model import JobKey
from .timers import Timers

_log = logging.getLogger(__name__)

_FIRST_BACKOFF_SECONDS = 0.25
_LONGEST_BACKOFF_SECONDS = 60.0
_MANY_WORKERS = 8
_MOST_RESERVED = 2

Work = Callable[[JobKey], Awaitable[float | None]]
"""Looks at one job; answers in how many seconds to look again, None to wait for an observation."""


class JobQueue:
    """Coalescing: whatever is observed while a job waits or is worked on leads to one more look, not to many.

    From eight workers on, an eighth of them (two at most) are kept for jobs that have changed, and no namespace takes
    the last one: an API server that is slow, or slow for one tenant, doesn't hold up a cancellation.
    """

    def __init__(self, work: Work, concurrency: int):
        self._work = work
        self._concurrency = concurrency
        self._reserved = min(_MOST_RESERVED, concurrency // _MANY_WORKERS)
        self._spare = 1 if concurrency >= _MANY_WORKERS else 0
        self._lines = Lines()
        self._active: dict[JobKey, Cause] = {}
        self._active_in: Counter[str] = Counter()
        self._again: dict[JobKey, Cause] = {}
        self._timers = Timers()
        self._backoff = Backoff[JobKey](_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS)
        self._wake_timer = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self.errors = 0

    def __len__(self) -> int:
        """Jobs that wait for a worker now."""
        return len(self._lines)

    @property
    def failing(self) -> int:
        """Jobs whose last look has failed."""
        return len(self._backoff)

    def add(self, key: JobKey, cause: Cause = Cause.ROUTINE) -> None:
        """Look at the job as soon as a worker is free and it is the job's turn."""
        if key in self._active:
            self._again[key] = min(cause, self._again.get(key, cause))
        else:
            self._lines.add(key, cause)
            self._start_workers()

    def add_after(self, key: JobKey, seconds: float, cause: Cause = Cause.ROUTINE) -> None:
        """Look at the job at that time, unless it is looked at earlier for a time already set."""
        if self._timers.set(key, asyncio.get_running_loop().time() + max(0.0, seconds), cause):
            self._wake_timer.set()

    def forget(self, key: JobKey) -> None:
        """The job is gone: drop its timer and its history."""
        self._timers.forget(key)
        self._backoff.reset(key)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                self._start_workers()
                await self._run_timers()
            finally:
                self._tasks = None  # before the group cancels those that work: they start no others

    def _start_workers(self) -> None:
        while self._tasks is not None and len(self._active) < self._concurrency:
            ordinary = sum(1 for cause in self._active.values() if cause is not Cause.CHANGED)
            causes = list(Cause) if ordinary < self._concurrency - self._reserved else [Cause.CHANGED]
            taken = self._lines.pop(causes, self._is_open)
            if taken is None:
                return
            key, cause = taken
            self._active[key] = cause
            self._active_in[key.namespace] += 1
            self._tasks.create_task(self._run_worker(key, cause))

    def _is_open(self, cause: Cause, namespace: str) -> bool:
        reserved = 0 if cause is Cause.CHANGED else self._reserved
        return self._active_in[namespace] < self._concurrency - reserved - self._spare

    async def _run_worker(self, key: JobKey, cause: Cause) -> None:
        try:
            await self._look(key, cause)
        finally:
            del self._active[key]
            self._active_in[key.namespace] -= 1
            if not self._active_in[key.namespace]:
                del self._active_in[key.namespace]
            if key in self._again:
                self._lines.add(key, self._again.pop(key))
            self._start_workers()

    async def _look(self, key: JobKey, cause: Cause) -> None:
        self._timers.forget(key)  # this look knows better when the next one is due
        try:
            seconds = await self._work(key)
        except Exception:
            self.errors += 1
            seconds = self._backoff.failed(key)
            about = {"namespace": key.namespace, "job": key.name, "retry_seconds": seconds}
            _log.exception("reconciliation failed", extra=about)
            return self.add_after(key, seconds, cause)
        self._backoff.reset(key)
        if seconds is not None:
            self.add_after(key, seconds, Cause.ROUTINE if seconds > 0 else cause)

    async def _run_timers(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake_timer.clear()
            for timer in self._timers.pop(loop.time()):
                self.add(timer.key, timer.cause)
            following = self._timers.next()
            with suppress(TimeoutError):  # asyncio.wait_for of Python 3.11 may lose a cancellation
                async with asyncio.timeout_at(following):
                    await self._wake_timer.wait()
