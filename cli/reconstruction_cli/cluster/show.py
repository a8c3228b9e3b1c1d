"""How a job looks: a table of its stages, what stands in its way, its latest events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from reconstruction_api.metric_names import Metric
from reconstruction_api.readable import duration
from reconstruction_api.reasons import Reason
from reconstruction_api.stages import USUAL_STAGES, StageName
from reconstruction_api.status import Condition, ConditionType, StageState, StageStatus
from reconstruction_api.worker import Progress

from ..progress_text import details
from .events import Event
from .jobs import Job
from .times import clock, seconds_since

_MARKS: Final = {
    StageState.PENDING: Text("·", "dim"),
    StageState.SUCCEEDED: Text("✓", "green"),
    StageState.FAILED: Text("✗", "bold red"),
}
_UNUSUAL: Final = {
    (ConditionType.ACCEPTED, "False"),
    (ConditionType.SUSPENDED, "True"),
    (ConditionType.STALLED, "True"),
    (ConditionType.CANCELLATION_REQUESTED, "True"),
    (ConditionType.CANCELLATION_REQUESTED, "False"),
}
_ALWAYS_TOLD: Final = (Reason.RETRYING, Reason.QUALITY_WARNING, Reason.QUALITY_FAILED)
_BAR_WIDTH: Final = 20


def overview(job: Job, events: Sequence[Event], spinner: Spinner | None = None) -> RenderableType:
    """The whole picture. `spinner` marks the running stage where the picture is redrawn."""
    parts: list[RenderableType] = [_header(job), _stages(job, spinner)]
    parts += [_condition(condition) for condition in notable(job)]
    parts += [event_line(event) for event in events]
    return Group(*parts)


def _header(job: Job) -> Text:
    percent = job.status.progress.percent if job.status.progress else 0
    text = Text.assemble((job.full_name, "bold"), f" ({job.engine})  {percent} %")
    numbers = job.status.metrics
    if Metric.PSNR in numbers:
        ssim = f", SSIM {numbers[Metric.SSIM]}" if Metric.SSIM in numbers else ""
        text.append(f"  held-out views: PSNR {numbers[Metric.PSNR]} dB{ssim}")
    return text


def stages_of(job: Job) -> list[StageStatus]:
    """All stages, also before the operator has listed them."""
    return job.status.stages or [StageStatus(name=stage.name, state=StageState.PENDING) for stage in USUAL_STAGES]


def _stages(job: Job, spinner: Spinner | None) -> Table:
    stages, progress = stages_of(job), live_progress(job)
    table = Table(box=None, padding=(0, 1), show_header=False, expand=True)
    table.add_column(width=1, no_wrap=True)
    table.add_column(width=max(len(stage.name) for stage in stages), no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(width=12, no_wrap=True, justify="right")
    for stage in stages:
        pending, running = stage.state is StageState.PENDING, stage.state is StageState.RUNNING
        mark = (spinner or Text("▸", "cyan")) if running else _MARKS[stage.state]
        note = _live(progress) if running and progress is not None else Text(stage.message)
        seconds = None if pending else seconds_since(stage.start_time, stage.completion_time)
        took = duration(seconds) if seconds is not None and stage.state is not StageState.FAILED else ""
        table.add_row(mark, Text(stage.name, "dim" if pending else ""), note, Text(took, "dim"))
    return table


def _live(progress: Progress) -> RenderableType:
    """A bar and the numbers beside it."""
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(width=_BAR_WIDTH)
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    row.add_row(ProgressBar(total=100, completed=progress.percent, width=_BAR_WIDTH), Text(details(progress)))
    return row


def live_progress(job: Job) -> Progress | None:
    """The running stage's numbers, the newer of those that are known; None while there are none."""
    in_status, live = _in_status(job), job.live
    if live is not None and live.stage == job.status.stage and (in_status is None or live.percent >= in_status.percent):
        return live
    return in_status


def _in_status(job: Job) -> Progress | None:
    progress, stage = job.status.progress, job.status.stage
    if progress is None or progress.stage_percent is None or stage not in list(StageName):
        return None
    return Progress(
        stage=StageName(stage),
        percent=progress.stage_percent,
        step=progress.step,
        total_steps=progress.total_steps,
        eta_seconds=progress.eta_seconds,
        loss=float(progress.loss) if progress.loss else None,
        psnr=float(progress.psnr) if progress.psnr else None,
        held_out_psnr=float(progress.held_out_psnr) if progress.held_out_psnr else None,
        trend=progress.trend,
        memory_bytes=progress.memory_bytes,
        message=progress.message,
    )


def notable(job: Job) -> list[Condition]:
    """Conditions that say more than the stages do: what the job waits for, and what is wrong."""
    waits = job.succeeded is None and not job.spec.get("suspend")
    return [
        condition
        for condition in job.status.conditions
        if condition.reason in _ALWAYS_TOLD
        or (condition.type, condition.status) in _UNUSUAL
        or ((condition.type, condition.status) == (ConditionType.ADMITTED, "False") and waits)
    ]


def _condition(condition: Condition) -> Text:
    wrong = condition.type in (ConditionType.ACCEPTED, ConditionType.STALLED)
    style = "red" if wrong else "yellow"
    text = f" {condition.message}" if condition.message else ""
    return Text.assemble((f"{condition.type} {condition.status}", style), f" ({condition.reason}){text}")


def event_line(event: Event) -> Text:
    """One event in one line; cut off where the line is too short."""
    return Text.assemble(
        (clock(event.time), "dim"),
        " ",
        (event.reason, "yellow" if event.warning else "cyan"),
        f" {event.message}",
        no_wrap=True,
        overflow="ellipsis",
    )
