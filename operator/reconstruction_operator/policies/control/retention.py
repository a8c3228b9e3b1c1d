"""spec.retention: when an ended job's workspace, and the job itself, are deleted."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.lifecycle import RetentionStatus
from reconstruction_api.worker import Artifact

from ...manifests.child_names import claim_name
from ...model import JobView, Observed
from ...times import format_time, parse_time
from .destinations import published_at
from .situation import Situation
from .unpublishing import has_published, is_removed_now

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
    published, unpublished = _published(observed, situation, before, end, now)
    result = RetentionStatus(
        published_expiry_time=published,
        published_removed_time=unpublished,
        workspace_expiry_time=format_time(workspace) if workspace is not None and removed is None else None,
        workspace_removed_time=removed,
        job_expiry_time=_text(_later(end, wish.job_seconds if wish else None)),
    )
    return None if result == RetentionStatus() else result


def _published(
    observed: Observed, situation: Situation, before: RetentionStatus | None, end: datetime, now: datetime
) -> tuple[str | None, str | None]:
    """When what was published is to go, and when it went."""
    if not has_published(observed):
        return None, None
    removed = before.published_removed_time if before else None
    if removed is None and is_removed_now(observed):
        removed = format_time(now)
    if removed is not None:
        return None, removed
    if situation.cancellation is not None and situation.cancelled:
        return situation.cancellation.confirmed_time, None
    wish = observed.job.spec.retention if observed.job.spec is not None else None
    return _text(_later(end, wish.published_seconds if wish else None)), None


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


def is_expired(status: RetentionStatus | None, now: datetime) -> bool:
    """Whether the job itself is to go now: what it has published goes first, where that is to go."""
    moment = parse_time(status.job_expiry_time) if status and status.published_expiry_time is None else None
    return moment is not None and moment <= now


def remaining(artifacts: list[Artifact], status: RetentionStatus | None, job: JobView) -> list[Artifact]:
    """What is still there: without the workspace only what was delivered elsewhere."""
    workspace, published = f"{_IN_WORKSPACE}{claim_name(job.key.name)}/", published_at(job)
    if status is not None and status.published_removed_time is not None:
        artifacts = [each for each in artifacts if not each.uri.startswith(published)]
    return [each for each in artifacts if not each.uri.startswith(workspace)] if is_removed(status) else artifacts


def _later(end: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else end + timedelta(seconds=seconds)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
