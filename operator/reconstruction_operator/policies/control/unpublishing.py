"""What a job has published goes when the job is cancelled, or when its time is over: a pod removes it.

The Job of that pod is the memory of its attempts: the last one that failed stays until the next is made.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.lifecycle import RetentionStatus
from reconstruction_api.stages import ResourceClass
from reconstruction_api.worker import PodReport

from ...actions import CreateJob, DeleteJob, Emit
from ...manifests.removal_job import removal_job
from ...model import ChildJob, Observed
from ...times import parse_time
from .environment import with_values
from .situation import Situation

_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
REMOVED, FAILED = "PublishedRemoved", "ArtifactStoreError"


def has_published(observed: Observed) -> bool:
    """Whether something may be at the destination."""
    job = observed.job
    if job.spec is None or job.spec.destination is None:
        return False
    return any(run.resource_class is ResourceClass.DELIVER for run in job.status.runs)


def is_removed_now(observed: Observed) -> bool:
    """Whether a pod has removed it."""
    return any(each.succeeded for each in observed.removal_jobs)


def unpublishing(
    observed: Observed, situation: Situation, kept: RetentionStatus | None, now: datetime
) -> tuple[DeleteJob | CreateJob | Emit, ...]:
    """The next attempt to remove what was published, once nothing works for the job any more; and Jobs of earlier
    attempts that nobody needs. `kept` is what the status says from now on."""
    due = parse_time(kept.published_expiry_time) if kept is not None else None
    if due is None or due > now:
        said = _said(observed, kept)
        return (*said, *(_gone(each) for each in observed.removal_jobs if not each.deleting))
    profile, pinned, spec = situation.acceptance.profile, situation.acceptance.snapshot, observed.job.spec
    if profile is None or pinned is None or spec is None or not _is_idle(observed):
        return ()
    last = _last(observed)
    if last is not None and not _may_follow(last, now):
        return ()
    made = removal_job(observed.job, spec, with_values(observed, pinned, profile), last.attempt + 1 if last else 1)
    before = (_gone(last), Emit(True, FAILED, _why(observed, last))) if last is not None else ()
    return (*before, CreateJob(made, in_workspace=False))


def next_removal(observed: Observed, kept: RetentionStatus | None, now: datetime) -> datetime | None:
    """When the first or next attempt may be made; None where something else has to happen before."""
    due, last = parse_time(kept.published_expiry_time) if kept is not None else None, _last(observed)
    if due is None or due > now:
        return due
    return _again(last) if last is not None and last.failed else None


def _is_idle(observed: Observed) -> bool:
    working = [each for each in (*observed.child_jobs, *observed.removal_jobs) if not each.finished]
    return not working and all(pod.finished for pod in (*observed.pods, *observed.removal_pods))


def _last(observed: Observed) -> ChildJob | None:
    return max(observed.removal_jobs, key=lambda each: each.attempt, default=None)


def _may_follow(last: ChildJob, now: datetime) -> bool:
    moment = _again(last)
    return last.failed and moment is not None and moment <= now


def _again(last: ChildJob) -> datetime | None:
    if last.ended is None:
        return None
    return last.ended + min(_FIRST_WAIT * 2 ** min(last.attempt - 1, 20), _LONGEST_WAIT)


def _gone(job: ChildJob) -> DeleteJob:
    return DeleteJob(job.name, job.uid, "its attempt to remove what was published has ended")


def _why(observed: Observed, last: ChildJob) -> str:
    messages = [pod.container.message for pod in observed.removal_pods if pod.job_name == last.name]
    report = PodReport.from_termination_message(messages[-1]) if messages else None
    why = report.failure.message if report is not None and report.failure is not None else last.message
    return f"Removing what was published has failed, and is tried again: {why}"


def _said(observed: Observed, kept: RetentionStatus | None) -> tuple[Emit, ...]:
    before = observed.job.status.retention
    known = before is not None and before.published_removed_time is not None
    if kept is None or kept.published_removed_time is None or known:
        return ()
    return (Emit(False, REMOVED, "What the job had published was removed."),)
