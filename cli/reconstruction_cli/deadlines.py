"""`spec.softDeadlineSeconds` and `spec.activeDeadlineSeconds` of a run on this machine.

What counts is what counts in a cluster: the time in which stages run, over all runs in the workspace.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName, stage_digests
from reconstruction_api.worker import Failure, Progress, StageResult
from reconstruction_worker.executor import Outcome
from reconstruction_worker.process import StopRequest
from reconstruction_worker.running_time import RunningTime

KEEP_INTERVAL_SECONDS: Final = 10.0
"""At most so much of its time is forgotten when a run is killed."""


class Timer(Protocol):
    """Something that happens later, unless it is cancelled before."""

    def cancel(self) -> None: ...


def _timer(seconds: float, call: Callable[[], None]) -> Timer:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time of a run comes from."""

    now: Callable[[], float] = time.monotonic
    """Seconds; only differences mean something."""
    timer: Callable[[float, Callable[[], None]], Timer] = _timer
    """Has a function called after so many seconds, in another thread."""


SYSTEM: Final = Clock()


class Deadlines:
    """Observes a run and stops it in time."""

    def __init__(self, spec: ReconstructionJobSpec, workspace: Path, stop: StopRequest, clock: Clock = SYSTEM):
        self._clock = clock
        self._soft, self._hard = spec.soft_deadline_seconds, spec.active_deadline_seconds
        self._time = RunningTime(workspace, stage_digests(spec))
        self._stop = stop
        self._stage: StageName | None = None
        """The one that runs, or ran last."""
        self._counted: float | None = None
        """Up to when its time has been added; None while no stage runs."""
        self._timer: Timer | None = None
        self._ended_it = False
        self._stopped_in: StageName | None = None

    def may_work(self) -> bool:
        """Whether time is left for another stage."""
        self._ended_it = self._is_over(self._hard) or self._is_over(self._soft)
        return not self._ended_it

    @property
    def hold(self) -> str:
        """Why the run stopped and how to continue, where the soft deadline is the reason."""
        if not self._ended_it or self._is_over(self._hard):
            return ""
        return (
            f"Stopped: the job has run for {self._soft} s, as long as spec.softDeadlineSeconds allows. Raise or "
            "clear the field and run the same command again to continue."
        )

    def judge(self, outcome: Outcome) -> Outcome:
        """A run that was stopped because its time has elapsed has failed."""
        if not outcome.stopped or not self._ended_it or not self._is_over(self._hard):
            return outcome
        error = ReconstructionError(
            "DeadlineExceeded", f"The job has run for {self._hard} s, as long as spec.activeDeadlineSeconds allows."
        )
        return replace(outcome, stopped=False, failure=Failure.from_error(error, self._stopped_in))

    def stage_started(self, stage: StageName, *, resumed: bool) -> None:
        self._stage, self._counted = stage, self._clock.now()
        limits = [limit for limit in (self._soft, self._hard) if limit is not None]
        if limits:
            self._timer = self._clock.timer(max(0.0, min(limits) - self._time.seconds), self._time_is_over)

    def stage_progressed(self, progress: Progress) -> None:
        if self._counted is not None and self._clock.now() - self._counted >= KEEP_INTERVAL_SECONDS:
            self._count()

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None:
        self._end()

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None:
        self._end()

    def stopped(self, stage: StageName | None) -> None:
        self._stopped_in = stage
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._count()
        self._counted = None

    def _count(self) -> None:
        now = self._clock.now()
        if self._stage is not None and self._counted is not None:
            self._time.add(self._stage, now - self._counted)
            self._counted = now

    def _time_is_over(self) -> None:
        if not self._stop.requested:  # a second request would take the stage down before it has saved anything
            self._ended_it = True
            self._stop.stop()

    def _is_over(self, limit: int | None) -> bool:
        return limit is not None and self._time.seconds >= limit
