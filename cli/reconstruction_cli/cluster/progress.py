"""Shows a running job: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from reconstruction_api.status import StageState

from ..progress_text import details
from .events import Event
from .jobs import Job
from .show import live_progress, notable, overview, stages_of
from .times import clock, parse_time

PLAIN_INTERVAL_SECONDS: Final = 10.0
OPERATOR_ANSWERS_SECONDS: Final = 15.0
"""A job that no operator has looked at for this long shows that."""


class Display(Protocol):
    """Notified of everything that happens to a job."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def job_changed(self, job: Job) -> None: ...

    def event_came(self, event: Event, recent: list[Event]) -> None:
        """`recent`: the latest ones, this one included."""
        ...

    def tick(self) -> None:
        """Nothing has happened for a while."""
        ...


def display_for(console: Console, job: Job) -> Display:
    """What suits the place that output goes to."""
    return LiveDisplay(console, job) if console.is_terminal else PlainDisplay(console, job)


class _Neglect:
    """Whether a job waits for an operator that does not come."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def hint(self, job: Job) -> str:
        if job.is_current or time.monotonic() - self._since < OPERATOR_ANSWERS_SECONDS:
            return ""
        return "No operator has looked at this job yet. Is the operator running, and does it serve this namespace?"


class LiveDisplay:
    """A table with a row for each stage, redrawn in place."""

    def __init__(self, console: Console, job: Job):
        self._job = job
        self._recent: list[Event] = []
        self._neglect = _Neglect()
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def job_changed(self, job: Job) -> None:
        self._job = job

    def event_came(self, event: Event, recent: list[Event]) -> None:
        self._recent = recent

    def tick(self) -> None:
        """It redraws itself."""

    def _render(self) -> RenderableType:
        picture = overview(self._job, self._recent, self._spinner)
        note = self._neglect.hint(self._job)
        return Group(picture, Text(note, "yellow")) if note else picture


class PlainDisplay:
    """A line for whatever changes, and one every ten seconds while a stage runs."""

    def __init__(self, console: Console, job: Job):
        self._console = console
        self._job = job
        self._said: set[str] = set()
        self._last_progress = float("-inf")
        self._neglect = _Neglect()

    def __enter__(self) -> Self:
        self.job_changed(self._job)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put back."""

    def job_changed(self, job: Job) -> None:
        self._job = job
        for stage in stages_of(job):
            if stage.state is not StageState.PENDING:
                text = f" · {stage.message}" if stage.message else ""
                moment = stage.completion_time or stage.start_time
                self._say_once(
                    f"{stage.name}: {stage.state.lower()}{text}",
                    f"{stage.attempt}/{stage.digest}",
                    parse_time(moment) if moment else None,
                )
        for condition in notable(job):
            text = f" {condition.message}" if condition.message else ""
            self._say_once(f"{condition.type} {condition.status} ({condition.reason}){text}", "")
        self.tick()

    def event_came(self, event: Event, recent: list[Event]) -> None:
        self._say_once(f"{event.reason}: {event.message}", event.uid, event.time)

    def tick(self) -> None:
        if note := self._neglect.hint(self._job):
            self._say_once(note, "")
        progress = live_progress(self._job)
        if progress is not None and time.monotonic() - self._last_progress >= PLAIN_INTERVAL_SECONDS:
            self._last_progress = time.monotonic()
            self._say(f"{progress.stage}: {progress.percent:.0f} % · {details(progress)}", datetime.now(UTC))

    def _say_once(self, text: str, occasion: str, moment: datetime | None = None) -> None:
        if text + occasion not in self._said:
            self._said.add(text + occasion)
            self._say(text, moment or datetime.now(UTC))

    def _say(self, text: str, moment: datetime) -> None:
        self._console.print(f"{clock(moment)} {text}", highlight=False, markup=False, soft_wrap=True)
