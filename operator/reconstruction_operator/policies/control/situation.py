"""What the observations of a job amount to: the result of `advance`, which all other policies read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconstruction_api.lifecycle import CancellationStatus
from reconstruction_api.status import ClassRun
from reconstruction_api.worker import Failure, PodReport

from ...actions import ExpectAbsent
from .accept import Acceptance
from .attempt import Outcome
from .cancel import is_cancelled
from .hold import Hold
from .needs import Need

CLASS_COMPLETED, WORKSPACE_LOST, WORKSPACE_MOVED = "ClassCompleted", "WorkspaceLost", "WorkspaceMoved"
"""Reasons of notices."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened and is worth an Event."""

    warning: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """A report that an attempt left, and the run it belongs to."""

    run: ClassRun
    report: PodReport


@dataclass(frozen=True, slots=True)
class SourceAwaited:
    """The volume claim of the source is in use elsewhere."""

    message: str
    until: datetime
    """Look again then."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the observations amount to."""

    acceptance: Acceptance
    needs: tuple[Need, ...] = ()
    runs: tuple[ClassRun, ...] = ()
    current: ClassRun | None = None
    """The run that must complete next; None when all have, or when nothing can be run."""
    outcome: Outcome | None = None
    """Where the current run's attempt is."""
    renewed: bool = False
    """The spec has changed since the last decision."""
    failure: Failure | None = None
    """Why the job has failed for good, until its spec changes."""
    abandoned: str | None = None
    """uid of the volume claim that was given up because its volume is where no GPU is."""
    expects: tuple[ExpectAbsent, ...] = ()
    """Conclusions from absence that are to be checked."""
    starts_over: bool = False
    """The workspace is gone with all that was finished: everything runs again, from the photos."""
    from_destination: bool = False
    """The workspace is gone, and only pods that deliver are to run: they start from what was published."""
    awaits: str = ""
    """What has to happen to another job first."""
    hold: Hold | None = None
    """Why nothing is to run now, although the job is not over."""
    source_awaited: SourceAwaited | None = None
    """What the job waits for, without a pod and without a turn."""
    yields_turn: bool = False
    """The job gives its turn back now, because there is no node for it."""
    cancellation: CancellationStatus | None = None
    attempt_reports: tuple[AttemptReport, ...] = ()
    notices: tuple[Notice, ...] = ()
    deadline: datetime | None = None
    """When spec.activeDeadlineSeconds or spec.softDeadlineSeconds has elapsed if the current pod runs on."""
    remaining_seconds: int | None = None

    @property
    def done(self) -> bool:
        return bool(self.needs) and self.current is None and self.failure is None

    @property
    def need(self) -> Need | None:
        """What the current run is for."""
        if self.current is None:
            return None
        return next((need for need in self.needs if need.digest == self.current.digest), None)

    @property
    def cancelled(self) -> bool:
        """Stopped for good, whatever the spec says from now on."""
        return is_cancelled(self.cancellation)
