"""Follows a job to its end."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from rich.console import Console
from rich.text import Text

from reconstruction_api.errors import CATALOGUE, Category, ExitCode, ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.names import JOB_KIND
from reconstruction_api.readable import byte_size
from reconstruction_api.worker import Failure

from ..failure import print_failure
from . import events
from .connection import Cluster
from .events import Event
from .follow import Change, Feed
from .jobs import Job, get_job, jobs_path, parse
from .progress import Display, display_for
from .worker_numbers import PROGRESS, WorkerNumbers, numbers_in

_EVENTS_SHOWN: Final = 5
_REDRAW_SECONDS: Final = 1.0


def watch_job(cluster: Cluster, name: str) -> ExitCode:
    """Show a job until it has ended; the exit status that its end stands for. Raises ObjectNotFound, also when the job
    is deleted on the way."""
    console = Console()
    job = get_job(cluster, name)
    with display_for(console, job) as display:
        if job.succeeded is None:
            job = _follow(cluster, job, display)
    return print_end(console, job)


def _follow(cluster: Cluster, job: Job, display: Display) -> Job:
    """The job as it was at its end."""
    feed = Feed(cluster)
    only_it = {"fieldSelector": f"metadata.name={job.name}"}
    feed.add(JOB_KIND, jobs_path(cluster.namespace), only_it, known={job.uid: {}})
    numbers = WorkerNumbers(cluster, job, feed)
    feed.add("Event", events.path(cluster), events.about(job.uid), optional=True)
    past = events.recent(cluster, job.uid)
    seen = {(event.uid, event.time) for event in past}
    recent: deque[Event] = deque(maxlen=_EVENTS_SHOWN)
    for event in past[-_EVENTS_SHOWN:]:
        recent.append(event)
        display.event_came(event, list(recent))
    while True:
        change = feed.next(_REDRAW_SECONDS)
        if change is None:
            display.tick()
        elif change.topic == JOB_KIND:
            job = replace(_current(change, job), live=job.live)
            display.job_changed(job)
            if job.succeeded is not None:
                return job
        elif change.topic == "Pod":
            if numbers.pod_changed(change):
                job = replace(job, live=None)
        elif change.topic == PROGRESS:
            job = replace(job, live=numbers_in(change))
            display.job_changed(job)
        elif not change.deleted:
            event = events.parse(change.document)
            if (event.uid, event.time) not in seen:
                recent.append(event)
                display.event_came(event, list(recent))


def _current(change: Change, before: Job) -> Job:
    """The job after a change. A deleted one does not come back: another of its name is another job."""
    if change.deleted or change.document["metadata"]["uid"] != before.uid:
        raise ReconstructionError("ObjectNotFound", f"{before.full_name} was deleted.")
    return parse(change.document)


def print_end(console: Console, job: Job) -> ExitCode:
    """Print what came of a job that has ended."""
    if not job.succeeded:
        failure = job.status.failure or _unexplained(job)
        print_failure(failure)
        return exit_code_of(failure)
    numbers = job.status.metrics
    if Metric.PSNR in numbers:
        ssim = f", SSIM {numbers[Metric.SSIM]}" if Metric.SSIM in numbers else ""
        console.print(Text(f"Held-out views: PSNR {numbers[Metric.PSNR]} dB{ssim}"))
    console.print(Text(f"{job.full_name} has succeeded. Its artifacts:"), soft_wrap=True)
    for artifact in job.status.artifacts:
        console.print(Text(f"  {artifact.name}  {byte_size(artifact.size_bytes)}"), soft_wrap=True)
    console.print(Text(f"Fetch them: recon download {job.name} -n {job.namespace}"), soft_wrap=True)
    return ExitCode.DONE


def exit_code_of(failure: Failure) -> ExitCode:
    """The catalogue's; for a code that a newer operator knows, that of its category."""
    if failure.code in CATALOGUE:
        return CATALOGUE[failure.code].exit_code
    return {
        Category.MODEL.value: ExitCode.MODEL_FAILURE,
        Category.RESOURCE.value: ExitCode.RESOURCE,
    }.get(failure.category, ExitCode.INVALID_INPUT)


def _unexplained(job: Job) -> Failure:
    return Failure.from_error(ReconstructionError("InternalError", f"{job.full_name} has failed and does not say why."))
