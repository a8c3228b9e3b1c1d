"""When the workspace goes, what works in it, and the job itself."""

from __future__ import annotations

from datetime import datetime

from reconstruction_api.status import ReconstructionJobStatus

from ...actions import DeleteClaim, DeleteJob, DeletePod, DeleteSelf
from ...model import ChildJob, Observed
from .claims import is_lost
from .notify import all_delivered
from .retention import is_expired, is_removed
from .situation import Situation

_GRACE_SECONDS = 2
"""A cancelled pod saves nothing: its hardware is free at once."""


def removals(
    observed: Observed, situation: Situation, after: ReconstructionJobStatus, now: datetime
) -> tuple[DeleteJob | DeletePod | DeleteClaim | DeleteSelf, ...]:
    """Pods of a cancelled job; the claim of one whose files nobody wants any more; a job whose time is over.

    A job is deleted only once its status says what it has to say, and all notifications are delivered: a look that
    still has something to write leaves that to the next one.
    """
    if is_expired(after.retention, now) and all_delivered(after) and after == observed.job.status:
        return (DeleteSelf(observed.job.uid, observed.job.resource_version),)
    claim = observed.claim
    useless = claim is not None and claim.uid == situation.abandoned
    useless = useless or is_lost(claim, observed.job.uid, situation.outcome)
    removed = is_removed(after.retention) or useless
    mine = claim is not None and claim.parent_uid == observed.job.uid
    if claim is None or not mine or not (removed or claim.deleting):
        return _stopped_at_once(observed, situation)
    ended = _ended(observed, situation)
    if claim.deleting:
        return (*_stopped_at_once(observed, situation), *ended)
    return (*_stopped_at_once(observed, situation), *ended, DeleteClaim(claim.name, claim.uid))


def _stopped_at_once(observed: Observed, situation: Situation) -> tuple[DeletePod, ...]:
    if not situation.cancelled:
        return ()
    pods = [pod for pod in observed.pods if not (pod.finished or pod.deleting)]
    return tuple(DeletePod(pod.name, pod.uid, _GRACE_SECONDS) for pod in pods)


def _ended(observed: Observed, situation: Situation) -> tuple[DeleteJob, ...]:
    """Kubernetes keeps a claim as long as any pod names it, even one that has ended."""
    current = situation.current.job_name if situation.current is not None else ""
    return tuple(
        DeleteJob(child.name, child.uid, "its pods hold a volume claim that is to go")
        for child in observed.child_jobs
        if child.finished and not child.deleting and child.name != current and _is_wanted(child, situation)
    )


def _is_wanted(child: ChildJob, situation: Situation) -> bool:
    """Others are deleted as outdated."""
    return any((child.resource_class, child.digest) == (need.resource_class, need.label()) for need in situation.needs)
