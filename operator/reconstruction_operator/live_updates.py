"""Live updates of workers: the latest of each job, shown to decisions as often as the cluster can afford.

Whatever is shown is written: about 12 ms of processor time and some kilobytes of etcd. So an update waits for the stage
or its percentage to change, or for 15 s; and the more jobs report, the longer each of them waits. Who wants faster
numbers reads the worker's log.

Held in memory only. What a lost update would have said comes again with the next one, or in the pod's report.
"""

from __future__ import annotations

from reconstruction_api.worker import ProgressUpdate

from .model import JobKey

_CALM_SECONDS = 15.0
"""An update that says nothing new of the stage or its percentage waits for this long."""
_SILENT_SECONDS = 60.0
"""A job that has not reported for this long does not count among those that do."""


class LiveUpdates:
    """Times are seconds of a monotonic clock.

    `interval_seconds` is the shortest time between two updates of a job that are shown; `per_second` is how many of all
    jobs together may be shown each second.
    """

    def __init__(self, interval_seconds: float, per_second: float):
        self._shortest = interval_seconds
        self._per_second = per_second
        self._latest: dict[JobKey, ProgressUpdate] = {}
        self._shown: dict[JobKey, tuple[float, ProgressUpdate]] = {}
        self._heard: dict[JobKey, float] = {}
        self._reporting: dict[JobKey, float] = {}
        """As `_heard`, longest ago first, without the jobs that have been silent for long."""

    def receive(self, key: JobKey, update: ProgressUpdate, now: float) -> float | None:
        """In how many seconds the job should be looked at; None for an update that arrived out of order."""
        before = self._latest.get(key)
        if before is not None and _same_run(before, update) and update.sequence <= before.sequence:
            return None
        self._latest[key] = update
        self._heard[key] = now
        self._reporting.pop(key, None)
        self._reporting[key] = now
        return self._wait(key, now)

    def visible(self, key: JobKey, now: float) -> tuple[ProgressUpdate | None, float | None]:
        """The update that a decision may use now, and in how many seconds a newer one may be shown."""
        latest = self._latest.get(key)
        if latest is None:
            return None, None
        wait = self._wait(key, now)
        if wait > 0:
            shown = self._shown[key][1]
            return shown, wait if shown is not latest else None
        self._shown[key] = (now if self._is_new(key, latest) else self._shown[key][0], latest)
        return latest, None

    def interval(self, now: float) -> float:
        """Seconds between two updates of one job that are shown, the more the more jobs report."""
        while self._reporting and now - next(iter(self._reporting.values())) > _SILENT_SECONDS:
            del self._reporting[next(iter(self._reporting))]
        return max(self._shortest, len(self._reporting) / self._per_second)

    def age(self, key: JobKey, now: float) -> float | None:
        """Seconds since an update came; None when none has."""
        heard = self._heard.get(key)
        return None if heard is None else now - heard

    def forget(self, key: JobKey) -> None:
        for known in (self._heard, self._reporting, self._latest, self._shown):
            known.pop(key, None)

    def _wait(self, key: JobKey, now: float) -> float:
        if key not in self._shown:
            return 0.0
        at, shown = self._shown[key]
        interval = self.interval(now)
        if _says(shown) == _says(self._latest[key]):
            interval = max(interval, _CALM_SECONDS)
        return max(0.0, at + interval - now)

    def _is_new(self, key: JobKey, latest: ProgressUpdate) -> bool:
        shown = self._shown.get(key)
        return shown is None or shown[1] is not latest


def _same_run(one: ProgressUpdate, other: ProgressUpdate) -> bool:
    """Sequences of different child Jobs have nothing to do with each other: the next class starts over."""
    return _run(one) == _run(other)


def _run(update: ProgressUpdate) -> tuple[object, ...]:
    return (update.uid, update.resource_class, update.attempt)


def _says(update: ProgressUpdate) -> tuple[object, ...]:
    """What people look for in a table of jobs; whoever follows one job wants the rest as well."""
    progress = update.progress
    where = (progress.stage, int(progress.percent)) if progress is not None else ()
    return (*_run(update), len(update.stages), *where)
