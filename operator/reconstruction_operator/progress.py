"""Live updates of workers: the latest of each job, shown to decisions at most once an interval.

Held in memory only. What a lost update would have said comes again with the next one, or in the pod's report.
"""

from __future__ import annotations

from reconstruction_api.worker import ProgressUpdate

from .model import JobKey


class LiveUpdates:
    """Times are seconds of a monotonic clock."""

    def __init__(self, interval_seconds: float):
        self._interval = interval_seconds
        self._latest: dict[JobKey, ProgressUpdate] = {}
        self._shown: dict[JobKey, tuple[float, ProgressUpdate]] = {}
        self._heard: dict[JobKey, float] = {}

    def receive(self, key: JobKey, update: ProgressUpdate, now: float) -> float | None:
        """In how many seconds the job should be looked at; None for an update that arrived out of order."""
        before = self._latest.get(key)
        if before is not None and _same_run(before, update) and update.sequence <= before.sequence:
            return None
        self._latest[key] = update
        self._heard[key] = now
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

    def age(self, key: JobKey, now: float) -> float | None:
        """Seconds since an update came; None when none has."""
        heard = self._heard.get(key)
        return None if heard is None else now - heard

    def forget(self, key: JobKey) -> None:
        self._heard.pop(key, None)
        self._latest.pop(key, None)
        self._shown.pop(key, None)

    def _wait(self, key: JobKey, now: float) -> float:
        shown = self._shown.get(key)
        return 0.0 if shown is None else max(0.0, shown[0] + self._interval - now)

    def _is_new(self, key: JobKey, latest: ProgressUpdate) -> bool:
        shown = self._shown.get(key)
        return shown is None or shown[1] is not latest


def _same_run(one: ProgressUpdate, other: ProgressUpdate) -> bool:
    """Sequences of different child Jobs have nothing to do with each other: the next class begins anew."""
    return (one.uid, one.resource_class, one.attempt) == (other.uid, other.resource_class, other.attempt)
