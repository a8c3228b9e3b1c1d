"""What pods remove of an ended job when its time is over: what it has published, its checkpoints, its artifacts.

The Job of such a pod is the memory of its attempts: the last one that failed stays until the next is made. One pod
works at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reconstruction_api.lifecycle import Removal, RetentionStatus
from reconstruction_api.stages import ResourceClass, StageName, reused_stages
from reconstruction_api.worker import PodReport

from ...actions import CreateJob, DeleteJob, Emit
from ...manifests.removal_job import removal_job
from ...model import ChildJob, Observed
from ...times import parse_time
from .environment import with_values
from .situation import Situation

_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
_FAILED = {
    Removal.PUBLISHED: ("ArtifactStoreError", "Removing what was published"),
    Removal.CHECKPOINTS: ("CheckpointsNotRemoved", "Removing the checkpoints"),
    Removal.ARTIFACTS: ("ArtifactsNotRemoved", "Removing the artifacts from the workspace"),
}
_DONE = {
    Removal.PUBLISHED: ("PublishedRemoved", "What the job had published was removed."),
    Removal.CHECKPOINTS: (
        "CheckpointsRemoved",
        "spec.retention.checkpointSeconds has elapsed. A change that needs the trained model trains again.",
    ),
    Removal.ARTIFACTS: ("ArtifactsRemoved", "spec.retention.artifactSeconds has elapsed."),
}
"""Reasons of Events, and what they say."""


def may_be_there(observed: Observed, what: Removal) -> bool:
    """Whether there may be something to remove."""
    job = observed.job
    if job.spec is None:
        return False
    classes = {run.resource_class for run in job.status.runs}
    if what is Removal.PUBLISHED:
        return job.spec.destination is not None and ResourceClass.DELIVER in classes
    claim = observed.claim
    if claim is None or claim.deleting or claim.parent_uid != job.uid:
        return False
    if what is Removal.ARTIFACTS:
        return ResourceClass.DELIVER in classes
    return ResourceClass.RECONSTRUCT in classes or StageName.TRAIN in reused_stages(job.spec)


def is_removed_now(observed: Observed, what: Removal) -> bool:
    """Whether a pod has removed it."""
    return any(each.succeeded for each in _attempts(observed, what))


def removals_by_pods(
    observed: Observed, situation: Situation, kept: RetentionStatus | None, now: datetime
) -> tuple[DeleteJob | CreateJob | Emit, ...]:
    """The next attempt to remove something, once nothing works for the job any more; and Jobs of earlier attempts that
    nobody needs. `kept` is what the status says from now on."""
    due = [what for what in Removal if _is_due(kept, what, now)]
    useless = [each for each in observed.removal_jobs if not each.deleting and each.digest not in due]
    ended = (*_said(observed, kept), *(_gone(each) for each in useless))
    profile, pinned, spec = situation.acceptance.profile, situation.acceptance.snapshot, observed.job.spec
    if profile is None or pinned is None or spec is None or not _is_idle(observed):
        return ended
    for what in due:
        last = _last(observed, what)
        if last is not None and not _may_follow(last, now):
            continue
        made = removal_job(
            observed.job, spec, with_values(observed, pinned, profile), what, last.attempt + 1 if last else 1
        )
        before = (_gone(last), _why(observed, what, last)) if last is not None else ()
        return (*ended, *before, CreateJob(made, in_workspace=False))
    return ended


def next_removal(observed: Observed, kept: RetentionStatus | None, now: datetime) -> datetime | None:
    """When the first or next attempt may be made; None where something else has to happen before."""
    return min(_moments(observed, kept, now), default=None)


def _moments(observed: Observed, kept: RetentionStatus | None, now: datetime) -> Iterator[datetime]:
    for what in Removal:
        due, last = parse_time(kept.expiry_of(what)) if kept is not None else None, _last(observed, what)
        if due is not None and due > now:
            yield due
        elif due is not None and last is not None and last.failed and (moment := _again(last)) is not None:
            yield moment


def _is_due(kept: RetentionStatus | None, what: Removal, now: datetime) -> bool:
    due = parse_time(kept.expiry_of(what)) if kept is not None else None
    return due is not None and due <= now


def _is_idle(observed: Observed) -> bool:
    working = [each for each in (*observed.child_jobs, *observed.removal_jobs) if not each.finished]
    return not working and all(pod.finished for pod in (*observed.pods, *observed.removal_pods))


def _attempts(observed: Observed, what: Removal) -> list[ChildJob]:
    return [each for each in observed.removal_jobs if each.digest == what]


def _last(observed: Observed, what: Removal) -> ChildJob | None:
    return max(_attempts(observed, what), key=lambda each: each.attempt, default=None)


def _may_follow(last: ChildJob, now: datetime) -> bool:
    moment = _again(last)
    return last.failed and moment is not None and moment <= now


def _again(last: ChildJob) -> datetime | None:
    if last.ended is None:
        return None
    return last.ended + min(_FIRST_WAIT * 2 ** min(last.attempt - 1, 20), _LONGEST_WAIT)


def _gone(job: ChildJob) -> DeleteJob:
    return DeleteJob(job.name, job.uid, "its attempt to remove what is no longer kept has ended")


def _why(observed: Observed, what: Removal, last: ChildJob) -> Emit:
    messages = [pod.container.message for pod in observed.removal_pods if pod.job_name == last.name]
    report = PodReport.from_termination_message(messages[-1]) if messages else None
    why = report.failure.message if report is not None and report.failure is not None else last.message
    reason, action = _FAILED[what]
    return Emit(True, reason, f"{action} has failed, and is tried again: {why}")


def _said(observed: Observed, kept: RetentionStatus | None) -> Iterator[Emit]:
    before = observed.job.status.retention or RetentionStatus()
    for what in Removal:
        if kept is not None and kept.removal_of(what) is not None and before.removal_of(what) is None:
            yield Emit(False, *_DONE[what])
