"""Everything about one job, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

from reconstruction_api.readable import duration
from reconstruction_api.secrecy import shown_receiver
from reconstruction_api.short_id import short_id

from ..failure import failure_lines
from . import events
from .connection import Cluster
from .jobs import Job, get_job
from .show import event_line, overview
from .table import aligned
from .times import seconds_since

_EVENTS_SHOWN: Final = 10


def describe(cluster: Cluster, name: str) -> None:
    """Print a job's stages, conditions, numbers, failure and latest events."""
    job = get_job(cluster, name)
    console = Console(highlight=False, soft_wrap=True)
    console.print(overview(job, []), soft_wrap=False)
    for title, lines in _sections(job):
        if lines:
            console.print(Text(f"\n{title}", "bold"))
            console.print(Text("\n".join(f"  {line}" for line in lines)))
    if job.status.failure is not None:
        console.print(Text("\nFailure", "bold"))
        console.print(failure_lines(job.status.failure))
    if latest := events.recent(cluster, job.uid)[-_EVENTS_SHOWN:]:
        console.print(Text("\nEvents", "bold"))
    for event in latest:
        console.print(Text("  ").append_text(event_line(event)))


def _sections(job: Job) -> Iterator[tuple[str, list[str]]]:
    status = job.status
    rows = [
        [each.type, each.status, each.reason, _ago(each.last_transition_time), each.message]
        for each in status.conditions
    ]
    yield "Conditions", aligned(["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"], rows) if rows else []
    runs = [
        [run.resource_class.value, str(run.attempt), str(run.failures), str(run.interruptions), run.job_name]
        for run in status.runs
    ]
    yield "Attempts", aligned(["CLASS", "ATTEMPT", "FAILURES", "INTERRUPTIONS", "JOB"], runs) if runs else []
    yield "Numbers", aligned(["NAME", "VALUE"], [[key, str(value)] for key, value in status.metrics.items()])[1:]
    yield "Where", list(_places(job))


def _places(job: Job) -> Iterator[str]:
    status = job.status
    yield f"short id   {short_id(job.uid)}"
    if (profile := status.accepted_profile) is not None:
        yield f"profile    {profile.kind} {profile.name}, generation {profile.generation}"
    if status.workspace_claim is not None:
        yield f"workspace  volume claim {status.workspace_claim}"
    if status.start_time is not None:
        ended = f", ended {status.completion_time}" if status.completion_time else ""
        yield f"time       started {status.start_time}{ended}"
    if status.checkpoints:
        yield f"checkpoint step {status.checkpoints[-1].step}: {status.checkpoints[-1].name}"
    if kept := status.retention:
        times = (("removed", kept.workspace_removed_time), ("kept until", kept.workspace_expiry_time))
        yield from (f"files      {word} {moment}" for word, moment in times if moment)
        for part, removed, expiry in (
            ("checkpoint", kept.checkpoints_removed_time, kept.checkpoints_expiry_time),
            ("artifacts ", kept.artifacts_removed_time, kept.artifacts_expiry_time),
            ("published ", kept.published_removed_time, kept.published_expiry_time),
        ):
            times = (("removed", removed), ("kept until", expiry))
            yield from (f"{part} {word} {moment}" for word, moment in times if moment)
        if kept.job_expiry_time:
            yield f"job        deleted at {kept.job_expiry_time}"
    for delivery in status.notifications:
        problem = f": {delivery.message}" if delivery.message else ""
        yield f"notified   {delivery.event} to {shown_receiver(delivery.url)}: {delivery.state.value}{problem}"
    if status.artifacts:
        yield f"artifacts  {len(status.artifacts)}: recon artifacts {job.name} -n {job.namespace}"


def _ago(moment: str) -> str:
    return f"{duration(seconds_since(moment) or 0)} ago"
