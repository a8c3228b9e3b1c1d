"""Shows a run: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from reconstruction_api.readable import duration
from reconstruction_api.stages import Stage, StageName, overall_percent
from reconstruction_api.worker import Failure, Progress, StageResult
from reconstruction_worker.process import StopRequest

from .progress_text import details

PLAIN_INTERVAL_SECONDS: Final = 10.0


class PlainDisplay:
    """One line when a stage starts, ends, and every ten seconds in between; where a resumed one is, at once."""

    def __init__(self, console: Console):
        self._console = console
        self._last = 0.0

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put back."""

    def stage_started(self, stage: StageName, *, resumed: bool) -> None:
        self._last = -math.inf if resumed else time.monotonic()
        self._line(f"{stage}: {'resuming' if resumed else 'started'}")

    def stage_progressed(self, progress: Progress) -> None:
        if time.monotonic() - self._last >= PLAIN_INTERVAL_SECONDS:
            self._last = time.monotonic()
            self._line(f"{progress.stage}: {progress.percent:.0f} % · {details(progress)}")

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None:
        how = "already done" if result.skipped else f"done in {duration(result.seconds)}"
        self._line(f"{result.name}: {how} · {result.message}")

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None:
        self._line(f"{stage or 'run'}: failed · {failure.code}")

    def stopped(self, stage: StageName | None) -> None:
        self._line(f"{stage or 'run'}: stopped")

    def _line(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


@dataclass
class _Row:
    state: str = "waiting"
    progress: Progress | None = None
    result: StageResult | None = None
    started: float = 0.0


_MARKS: Final = {
    "waiting": Text("·", "dim"),
    "done": Text("✓", "green"),
    "failed": Text("✗", "bold red"),
    "stopped": Text("■", "yellow"),
}


class LiveDisplay:
    """A table with a row for each stage, redrawn in place."""

    def __init__(self, console: Console, title: str, stages: Sequence[Stage], stop: StopRequest):
        self._title = title
        self._stop = stop
        self._stages = stages
        self._rows = {stage.name: _Row() for stage in stages}
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=8)

    def __enter__(self) -> LiveDisplay:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def stage_started(self, stage: StageName, *, resumed: bool) -> None:
        message = "resuming" if resumed else "starting"
        self._rows[stage] = _Row("running", Progress(stage=stage, message=message), started=time.monotonic())

    def stage_progressed(self, progress: Progress) -> None:
        self._rows[progress.stage].progress = progress

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None:
        self._rows[result.name] = _Row("done", result=result)

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None:
        if stage is not None:
            self._rows[stage].state = "failed"

    def stopped(self, stage: StageName | None) -> None:
        if stage is not None and self._rows[stage].state == "running":
            self._rows[stage].state = "stopped"

    def _render(self) -> RenderableType:
        table = Table(box=None, padding=(0, 1), show_header=False)
        table.add_column(width=1)
        table.add_column(min_width=8)
        table.add_column(width=24)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right")
        for name, row in self._rows.items():
            mark = self._spinner if row.state == "running" else _MARKS[row.state]
            style = "dim" if row.state == "waiting" else ""
            table.add_row(mark, Text(name, style), *self._columns(row))
        running = next((row.progress for row in self._rows.values() if row.state == "running"), None)
        done = [name for name, row in self._rows.items() if row.state == "done"]
        stage, reached = (running.stage, running.percent) if running else (None, 0)
        percent = overall_percent(done, stage, reached, self._stages)
        header = Text.assemble((self._title, "bold"), f"  {percent} %")
        if self._stop.requested and running is not None:
            return Group(header, table, Text("Stopping. Ctrl-C once more stops without saving.", "yellow"))
        return Group(header, table)

    def _columns(self, row: _Row) -> tuple[RenderableType, RenderableType, RenderableType]:
        if row.result is not None:
            note = Text("already done", "dim") if row.result.skipped else Text("")
            return note, Text(row.result.message), Text(duration(row.result.seconds), "dim")
        if row.progress is None:
            return Text(""), Text(""), Text("")
        bar = ProgressBar(total=100, completed=row.progress.percent, width=24)
        elapsed = duration(time.monotonic() - row.started) if row.state == "running" else ""
        return bar, Text(details(row.progress)), Text(elapsed, "dim")


def display_for(console: Console, title: str, stages: Sequence[Stage], stop: StopRequest) -> LiveDisplay | PlainDisplay:
    """What suits the place that output goes to."""
    return LiveDisplay(console, title, stages, stop) if console.is_terminal else PlainDisplay(console)
