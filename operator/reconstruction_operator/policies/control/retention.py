"""spec.retention: when an ended job's workspace, and the job itself, are deleted."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.lifecycle import Removal, RetentionStatus
from reconstruction_api.worker import Artifact

from ...manifests.child_names import claim_name
from ...model import JobView, Observed
from ...times import format_time, parse_time
from .destinations import published_at
from .removal_pods import is_removed_now, may_be_there
from .situation import Situation

_IN_WORKSPACE = "pvc://"


def retention(observed: Observed, situation: Situation, ended: str | None, now: datetime) -> RetentionStatus | None:
    """`ended` is the job's completionTime. None until the job has ended, and where nothing is to be deleted."""
    end, spec = parse_time(ended), observed.job.spec
    if end is None or spec is None:
        return None
    before = observed.job.status.retention
    removed = before.workspace_removed_time if before else None
    if situation.cancellation is not None and situation.cancelled:
        removed = situation.cancellation.confirmed_time
    wish = spec.retention
    workspace = _later(end, wish.workspace_seconds if wish else None)
    if removed is None and workspace is not None and workspace <= now:
        removed = format_time(now)
    published, unpublished = _by_pod(observed, situation, Removal.PUBLISHED, end, now)
    checkpoints, without_checkpoints = _in_workspace(observed, situation, Removal.CHECKPOINTS, end, now, removed)
    artifacts, without_artifacts = _in_workspace(observed, situation, Removal.ARTIFACTS, end, now, removed)
    result = RetentionStatus(
        checkpoints_expiry_time=checkpoints,
        checkpoints_removed_time=without_checkpoints,
        artifacts_expiry_time=artifacts,
        artifacts_removed_time=without_artifacts,
        published_expiry_time=published,
        published_removed_time=unpublished,
        workspace_expiry_time=format_time(workspace) if workspace is not None and removed is None else None,
        workspace_removed_time=removed,
        job_expiry_time=_text(_later(end, wish.job_seconds if wish else None)),
    )
    return None if result == RetentionStatus() else result


def _in_workspace(
    observed: Observed, situation: Situation, what: Removal, end: datetime, now: datetime, workspace_removed: str | None
) -> tuple[str | None, str | None]:
    """The same of a part of the workspace, which goes with it at the latest."""
    expiry, removed = _by_pod(observed, situation, what, end, now)
    return (expiry if workspace_removed is None else None), removed


def _by_pod(
    observed: Observed, situation: Situation, what: Removal, end: datetime, now: datetime
) -> tuple[str | None, str | None]:
    """When something that a pod removes is to go, and when it went."""
    before = observed.job.status.retention
    removed = before.removal_of(what) if before else None
    if removed is None and is_removed_now(observed, what):
        removed = format_time(now)
    if removed is not None:
        return None, removed
    if not may_be_there(observed, what):
        return None, None
    if situation.cancellation is not None and situation.cancelled:
        return situation.cancellation.confirmed_time, None
    return _text(_later(end, _seconds(observed, what))), None


def _seconds(observed: Observed, what: Removal) -> int | None:
    """How long it is kept; None for as long as what it is in."""
    wish = observed.job.spec.retention if observed.job.spec is not None else None
    if wish is None:
        return None
    return {
        Removal.PUBLISHED: wish.published_seconds,
        Removal.CHECKPOINTS: wish.checkpoint_seconds,
        Removal.ARTIFACTS: wish.artifact_seconds,
    }[what]


def expiry_times(status: RetentionStatus | None, all_delivered: bool) -> tuple[datetime | None, ...]:
    """Moments at which something is to be deleted. A job with undelivered notifications is not, nor one whose
    published results are to go before."""
    if status is None:
        return ()
    may_go = all_delivered and status.published_expiry_time is None
    return parse_time(status.workspace_expiry_time), parse_time(status.job_expiry_time) if may_go else None


def is_removed(status: RetentionStatus | None) -> bool:
    """Whether the workspace is gone, or going."""
    return status is not None and status.workspace_removed_time is not None


def has_checkpoints(status: RetentionStatus | None) -> bool:
    """Whether those of the training are still kept."""
    return status is None or (not is_removed(status) and status.checkpoints_removed_time is None)


def is_expired(status: RetentionStatus | None, now: datetime) -> bool:
    """Whether the job itself is to go now: what it has published goes first, where that is to go."""
    moment = parse_time(status.job_expiry_time) if status and status.published_expiry_time is None else None
    return moment is not None and moment <= now


def remaining(artifacts: list[Artifact], status: RetentionStatus | None, job: JobView) -> list[Artifact]:
    """What is still there: without those of the workspace only what was delivered elsewhere."""
    workspace, published = f"{_IN_WORKSPACE}{claim_name(job.key.name)}/", published_at(job)
    if status is not None and status.published_removed_time is not None:
        artifacts = [each for each in artifacts if not each.uri.startswith(published)]
    kept = status is None or (not is_removed(status) and status.artifacts_removed_time is None)
    return artifacts if kept else [each for each in artifacts if not each.uri.startswith(workspace)]


def _later(end: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else end + timedelta(seconds=seconds)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
