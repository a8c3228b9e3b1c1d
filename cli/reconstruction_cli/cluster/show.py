"""How a job looks: a table of its stages, what stands in its way, its latest events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from reconstruction_api.stages import STAGES, StageName
from reconstruction_api.status import Condition, ConditionType, StageState, StageStatus
from reconstruction_api.worker import Progress

from ..words import details, duration
from .events import Event
from .jobs import Job
from .times import clock, seconds_since

_MARKS: Final = {
    StageState.PENDING: Text("·", "dim"),
    StageState.SUCCEEDED: Text("✓", "green"),
    StageState.FAILED: Text("✗", "bold red"),
}
_TOLD_BY_STAGES: Final = (
    ConditionType.POSES_ESTIMATED, ConditionType.TRAINED, ConditionType.EXPORTED, ConditionType.SUCCEEDED,
)  # fmt: skip


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
    if "psnr" in numbers:
        ssim = f", SSIM {numbers['ssim']}" if "ssim" in numbers else ""
        text.append(f"  held-out views: PSNR {numbers['psnr']} dB{ssim}")
    return text


def stages_of(job: Job) -> list[StageStatus]:
    """All stages, also before the operator has listed them."""
    return job.status.stages or [StageStatus(name=stage.name, state=StageState.PENDING) for stage in STAGES]


def _stages(job: Job, spinner: Spinner | None) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(width=1)
    table.add_column(min_width=8)
    table.add_column(width=24)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for stage in stages_of(job):
        pending = stage.state is StageState.PENDING
        running = stage.state is StageState.RUNNING
        mark = (spinner or Text("▸", "cyan")) if running else _MARKS[stage.state]
        bar: RenderableType = ""
        note = stage.message
        if running and (progress := live_progress(job)) is not None:
            bar = ProgressBar(total=100, completed=progress.percent, width=24)
            note = details(progress)
        seconds = None if pending else seconds_since(stage.start_time, stage.completion_time)
        took = duration(seconds) if seconds is not None and stage.state is not StageState.FAILED else ""
        table.add_row(mark, Text(stage.name, "dim" if pending else ""), bar, Text(note), Text(took, "dim"))
    return table


def live_progress(job: Job) -> Progress | None:
    """The running stage's numbers; None while there are none."""
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
        memory_bytes=progress.memory_bytes,
        message=progress.message,
    )


def notable(job: Job) -> list[Condition]:
    """Conditions that say more than the stages do: what the job waits for, and what is wrong."""
    if job.succeeded:
        normal = {(kind.value, "True") for kind in ConditionType}
        normal |= {("Suspended", "False"), ("Reconciling", "False"), ("Stalled", "False")}
    else:
        normal = {("Accepted", "True"), ("Admitted", "True"), ("Suspended", "False"), ("Stalled", "False"),
                  ("Reconciling", "True"), ("Reconciling", "False"), ("Validated", "False")}  # fmt: skip
    return [
        condition
        for condition in job.status.conditions
        if condition.type not in _TOLD_BY_STAGES
        and ((condition.type, condition.status) not in normal or condition.reason in ("Retrying", "QualityWarning"))
    ]


def _condition(condition: Condition) -> Text:
    wrong = condition.type in (ConditionType.ACCEPTED, ConditionType.STALLED)
    style = "red" if wrong else "yellow"
    text = f" {condition.message}" if condition.message else ""
    return Text.assemble((f"{condition.type} {condition.status}", style), f" ({condition.reason}){text}")


def event_line(event: Event) -> Text:
    """One event in one line."""
    return Text.assemble(
        (clock(event.time), "dim"), " ", (event.reason, "yellow" if event.warning else "cyan"), f" {event.message}"
    )
