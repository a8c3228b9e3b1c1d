"""Which child objects must go and which must come, so that one pod at a time works in a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from reconstruction_api.destination import Destination
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import publishes

from ...actions import CreateJob, DeleteJob, EnsureClaim, ExpectAbsent
from ...manifests.allowances import queue_of
from ...manifests.child_job import child_job
from ...manifests.child_names import claim_name
from ...manifests.claim import workspace_claim
from ...model import ChildJob, JobView, Observed, Refusal
from . import lost
from .attempt import Absent, Waiting
from .claims import is_lost, is_orphan
from .class_runs import retry_time
from .dependency import CODE as NOT_READY
from .environment import lacks_values, with_values
from .obstacles import SOURCE_IN_USE, not_created
from .retry import backoff
from .situation import Situation
from .turn import WAITS_FOR_TURN, explanation, look_again, waits

BACKOFF = "Backoff"
"""Reason of the pause between attempts."""
_CLAIM_POLL = timedelta(seconds=30)
_OTHER_JOB_POLL = timedelta(seconds=600)
"""Its changes are watched; this is for one that got lost."""
_FIRST_REFUSAL_SECONDS, _LONGEST_REFUSAL_SECONDS = 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why the current attempt can't start yet."""

    reason: str
    message: str
    until: datetime | None = None
    asks: Literal["claim", "all"] | None = None
    """What is asked for all the same, now: the obstacle may be gone by then."""


def outdated(observed: Observed, situation: Situation) -> tuple[DeleteJob, ...]:
    """Child Jobs whose result nobody wants: of other settings, of an earlier attempt that still runs, of a job that was
    suspended, is no longer accepted or has failed. Finished ones of the current settings stay for their logs."""
    wanted = {(need.resource_class, need.label()) for need in situation.needs}
    deletions: list[DeleteJob] = []
    for child in observed.child_jobs:
        if child.deleting or not situation.needs:
            continue
        if (child.resource_class, child.digest) not in wanted:
            deletions.append(DeleteJob(child.name, child.uid, "its settings are outdated"))
        elif not (child.finished or _is_current(child.name, situation) or _ends_by_itself(child, observed, situation)):
            deletions.append(DeleteJob(child.name, child.uid, "its attempt has ended"))
        elif not child.finished and _is_on_anothers_claim(observed, situation):
            deletions.append(DeleteJob(child.name, child.uid, "the workspace's claim is not the job's"))
        elif child.suspended and child.queue != _wanted_queue(observed, situation):
            deletions.append(DeleteJob(child.name, child.uid, "its queue has changed"))
    return tuple(deletions)


def blocked(observed: Observed, situation: Situation, now: datetime) -> Blocked | None:
    """None when the current attempt may start now."""
    run = situation.current
    if run is None:
        return None
    if situation.source_awaited is not None:
        return Blocked(SOURCE_IN_USE, situation.source_awaited.message, situation.source_awaited.until)
    retry = retry_time(run)
    if retry is not None and now < retry:
        return Blocked(BACKOFF, f"Attempt {run.attempt} of {run.resource_class} starts at {run.retry_after}.", retry)
    pinned, profile = situation.acceptance.snapshot, situation.acceptance.profile
    claim = observed.claim
    if is_orphan(observed):
        return Blocked("WorkspaceInUse", "The volume claim of an earlier job of this name is being taken over.")
    replaced = claim is not None and (
        claim.deleting or claim.uid == situation.abandoned or is_lost(claim, observed.job.uid, situation.outcome)
    )
    if claim is not None and (replaced or claim.parent_uid != observed.job.uid):
        if claim.parent_uid == observed.job.uid:
            return Blocked("WorkspaceInUse", f"The volume claim {claim.name} is being deleted; a new one follows.")
        if claim.deleting:
            text = f"The volume claim {claim.name} of an earlier job of this name is being deleted; a new one follows."
            return _waits_for_name(text, observed.refusal, run.job_name, now)
        text = f"The volume claim {claim.name} exists and is not this job's; it must be deleted first."
        return _waits_for_name(text, observed.refusal, run.job_name, now)
    busy = [
        child.name
        for child in observed.child_jobs
        if not (child.finished or _ends_by_itself(child, observed, situation))
    ]
    busy += [child.name for child in observed.removal_jobs if not child.finished]
    busy += [pod.name for pod in (*observed.pods, *observed.removal_pods) if not pod.finished]
    busy += observed.strangers
    if _lacks_workspace(observed, situation) and observed.refusal is not None:
        return _refused(observed.refusal, run.job_name, now)
    overdue = [pod for pod in observed.pods if lost.is_overdue(pod, now)]
    if overdue:
        return Blocked(lost.CODE, lost.explanation(overdue[0], observed.policy))
    if busy:
        return Blocked("Stopping", f"The workspace is still used by {', '.join(sorted(busy)[:3])}.")
    if pinned is not None and profile is not None and (lacking := lacks_values(observed, pinned, profile)):
        return Blocked("ProfileNotFound", lacking)
    if situation.awaits:
        return Blocked(NOT_READY, situation.awaits, now + _OTHER_JOB_POLL)
    if waits(observed):
        return Blocked(WAITS_FOR_TURN, explanation(observed.turn), look_again(observed.turn, now))
    return _refused(observed.refusal, run.job_name, now)


def unseen_pods(
    observed: Observed, situation: Situation, created: tuple[EnsureClaim | CreateJob, ...]
) -> tuple[ExpectAbsent, ...]:
    """Pods that no watch has shown yet may work in the workspace that a child Job is created for: of an attempt that
    was not seen to complete, or of an earlier job whose claim was taken over."""
    status = observed.job.status
    named = {run.job_name for run in status.runs}
    begun = any(not run.completed and (run.attempt > 1 or run.job_name in named) for run in situation.runs)
    taken_over = observed.claim is not None and status.workspace_claim is None
    if not (begun or taken_over) or not any(isinstance(action, CreateJob) for action in created):
        return ()
    return (ExpectAbsent("pods", observed.job.key.name),)


def _lacks_workspace(observed: Observed, situation: Situation) -> bool:
    """A pod waits to be scheduled whose volume claim is gone, or is made only now, after Kueue has admitted it."""
    outcome, run = situation.outcome, situation.current
    queued = any(child.suspended for child in observed.child_jobs if run is not None and child.name == run.job_name)
    waits_for_node = isinstance(outcome, Waiting) and not outcome.scheduled and not queued
    return waits_for_node and observed.claim is None and situation.failure is None and situation.hold is None


def _waits_for_name(text: str, refusal: Refusal | None, seed: str, now: datetime) -> Blocked:
    """The workspace's claim is asked for again and again; not at once where even that was refused, as by a quota."""
    refused = _refused(refusal, seed, now)
    if refused is not None and refused.asks is None:
        return Blocked("WorkspaceInUse", text, refused.until)
    return Blocked("WorkspaceInUse", text, now + _CLAIM_POLL, asks="claim")


def _refused(refusal: Refusal | None, seed: str, now: datetime) -> Blocked | None:
    """Asked for again after a pause that grows; what the API server said stays on record meanwhile."""
    if refusal is None:
        return None
    obstacle = not_created(refusal.message)
    until = refusal.at + backoff(_FIRST_REFUSAL_SECONDS, refusal.count, _LONGEST_REFUSAL_SECONDS, seed)
    return Blocked(obstacle.code, obstacle.message, until, asks="all" if now >= until else None)


def creations(observed: Observed, situation: Situation, now: datetime) -> tuple[EnsureClaim | CreateJob, ...]:
    """The workspace and the child Job of the current attempt, when it may start.

    While somebody else's claim has the workspace's name only the claim is asked for, again and again. Somebody may have
    deleted the workspace while the first pod still waits for a node: it is made again. A pod that Kueue is to admit may
    wait for days, and needs no volume meanwhile.
    """
    run, spec, profile = situation.current, observed.job.spec, situation.acceptance.profile
    pinned = situation.acceptance.snapshot
    if run is None or spec is None or profile is None or pinned is None:
        return ()
    obstacle = blocked(observed, situation, now)
    claim = EnsureClaim(workspace_claim(observed.job, profile))
    if _lacks_workspace(observed, situation):
        return () if observed.refusal is not None and (obstacle is None or obstacle.asks is None) else (claim,)
    if not may_start(situation) or (obstacle is not None and obstacle.asks is None):
        return ()
    if obstacle is not None and obstacle.asks == "claim":
        return (claim,)
    job = child_job(
        observed.job,
        spec,
        run,
        with_values(observed, pinned, profile),
        digest_label=_label(situation, run.digest),
        source_claim=_source_claim(observed, spec),
        progress_url=observed.policy.progress_url,
        remaining_seconds=situation.remaining_seconds,
        plan=situation.acceptance.planned.plan if situation.acceptance.planned is not None else None,
        earlier=_earlier_destination(observed.job, situation),
    )
    later = queue_of(spec, profile) != ""
    return (CreateJob(job),) if observed.claim is not None or later else (claim, CreateJob(job))


def _earlier_destination(job: JobView, situation: Situation) -> Destination | None:
    """Where the results are that a pod which delivers builds on without a workspace; None where that is where its own
    go."""
    builds_on_them = situation.from_destination or job.status.from_destination
    delivers = situation.current is not None and publishes(situation.current.resource_class)
    if not builds_on_them or not delivers or job.spec is None or job.status.published_to == job.spec.destination:
        return None
    return job.status.published_to


def _source_claim(observed: Observed, spec: ReconstructionJobSpec) -> str | None:
    """The volume claim that the source is on."""
    if spec.source.job_ref is not None:
        return observed.upstream.claim if observed.upstream is not None else None
    claim = spec.source.persistent_volume_claim
    return claim.claim_name if claim is not None else None


def _wanted_queue(observed: Observed, situation: Situation) -> str:
    spec, profile = observed.job.spec, situation.acceptance.profile
    return "" if spec is None or profile is None else queue_of(spec, profile)


def may_start(situation: Situation) -> bool:
    """Whether the current attempt is to be started as far as the job itself is concerned."""
    return (
        isinstance(situation.outcome, Absent)
        and situation.failure is None
        and situation.acceptance.accepted
        and situation.hold is None
        and not situation.yields_turn
    )


def unclaimed(observed: Observed, created: tuple[EnsureClaim | CreateJob, ...]) -> tuple[ExpectAbsent, ...]:
    """A child Job whose claim is to be made later needs the name to be free."""
    creates = any(isinstance(action, CreateJob) for action in created)
    if not creates or observed.claim is not None or any(isinstance(action, EnsureClaim) for action in created):
        return ()
    return (ExpectAbsent("claim", claim_name(observed.job.key.name)),)


def _is_on_anothers_claim(observed: Observed, situation: Situation) -> bool:
    """Somebody has made a claim of the workspace's name while Kueue held the pod back: it would work there."""
    claim, outcome = observed.claim, situation.outcome
    waits = isinstance(outcome, Waiting) and not outcome.scheduled
    return waits and claim is not None and claim.parent_uid != observed.job.uid and not is_orphan(observed)


def _is_current(name: str, situation: Situation) -> bool:
    current = situation.current
    return current is not None and current.job_name == name and not current.ended


def _ends_by_itself(child: ChildJob, observed: Observed, situation: Situation) -> bool:
    """A Job whose class is complete and whose pods have all ended: the Job controller is about to notice. It replaces a
    pod that was disrupted while a container beside the worker still ran, although there is nothing left to do."""
    complete = any(run.completed and run.job_name == child.name for run in situation.runs)
    pods = [pod for pod in observed.pods if pod.job_name == child.name]
    ends = any(pod.phase == "Succeeded" or not pod.disrupted for pod in pods)
    return complete and ends and all(pod.finished for pod in pods)


def _label(situation: Situation, digest: str) -> str:
    return next(need.label() for need in situation.needs if need.digest == digest)
