"""How far a job is: which resource class is next, what became of its attempt, and what follows from that.

`advance` is a sequence of steps, each a function from a situation to the next one, below in the same order. The first
follows the classes; each of the others knows one thing that may change the verdict, and leaves a job that has failed
alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.lifecycle import CancellationStatus
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ClassRun

from ...actions import ExpectAbsent
from ...manifests.child_names import claim_name
from ...model import JobView, Observed
from .accept import Acceptance, was_accepted
from .attempt import Absent, Running, Waiting, outcome_of
from .cancel import cancellation, cancelled, is_cancelled
from .claims import is_held_up, is_lost
from .class_runs import begin_run, carried_over, recorded_seconds, restarted, with_run
from .conclusion import conclude, count_replaced_pods
from .credible import credible_outcome
from .dependency import dependency
from .destinations import was_published
from .failure import deadline_exceeded
from .hold import hold_of
from .limits import deadline_seconds
from .needs import Need, needs_of, needs_of_plan
from .relocation import abandoned_claim
from .renewal import is_renewed
from .retry import next_attempt
from .running import noted, running_seconds
from .situation import WORKSPACE_LOST, WORKSPACE_MOVED, Notice, Situation


def advance(observed: Observed, acceptance: Acceptance, now: datetime) -> Situation:
    """Follow the classes in order to the first that has not completed, and judge its attempt."""
    job, spec = observed.job, observed.job.spec
    asked = cancellation(job, now)
    if spec is None:
        return Situation(acceptance, failure=acceptance.failure, cancellation=asked)
    if asked is not None and is_cancelled(asked):
        return _cancelled(job, spec, acceptance, asked)
    situation = _first_situation(job, spec, acceptance, asked)
    situation = _follow_classes(situation, spec, observed, now)
    situation = _abandon_unreachable_workspace(situation, observed, now)
    situation = _start_over_without_workspace(situation, observed)
    situation = _stop_where_not_accepted(situation, observed, now)
    situation = _wait_for_upstream(situation, observed)
    spent = _spent_seconds(situation, observed, now)
    situation = _enforce_deadline(situation, spec, spent, now)
    return _apply_hold(situation, spec, spent, observed, now)


def _cancelled(
    job: JobView, spec: ReconstructionJobSpec, acceptance: Acceptance, confirmed: CancellationStatus
) -> Situation:
    """Nothing runs any more, and nothing will."""
    runs = tuple(run if run.completed else run.model_copy(update={"ended": True}) for run in job.status.runs)
    needs = _needs(spec, acceptance)
    return Situation(acceptance, needs, runs, cancellation=confirmed, failure=cancelled(confirmed))


def _first_situation(
    job: JobView, spec: ReconstructionJobSpec, acceptance: Acceptance, asked: CancellationStatus | None
) -> Situation:
    """What the status says, where the spec has changed with another chance for what had failed."""
    needs, renewed = _needs(spec, acceptance), is_renewed(job)
    fresh_chance = (renewed and not spec.suspend) or not was_accepted(job.status)
    failure = None if fresh_chance else job.status.failure
    return Situation(
        acceptance,
        needs,
        carried_over(job, needs, fresh_chance),
        failure=failure if acceptance.accepted else acceptance.failure,
        renewed=renewed,
        cancellation=asked,
    )


def _needs(spec: ReconstructionJobSpec, acceptance: Acceptance) -> tuple[Need, ...]:
    planned = acceptance.planned
    return needs_of_plan(planned.plan) if planned is not None else needs_of(spec)


def _follow_classes(situation: Situation, spec: ReconstructionJobSpec, observed: Observed, now: datetime) -> Situation:
    for need in situation.needs:
        situation, run = begin_run(situation, observed.job, need)
        if run.completed:
            continue
        outcome = credible_outcome(outcome_of(run, spec, observed, now), need, job=observed.job)
        if not run.ended:
            run, outcome, notices = count_replaced_pods(noted(run, observed, now), outcome, need, observed, now)
            situation = replace(situation, notices=(*situation.notices, *notices))
        situation = replace(situation, runs=with_run(situation.runs, run), current=run, outcome=outcome)
        if situation.failure is not None or isinstance(outcome, Absent):
            return situation
        situation = conclude(situation, run, outcome, spec, observed, now)
        if situation.current is not None:
            return situation
    return replace(situation, current=None, outcome=None)


def _abandon_unreachable_workspace(situation: Situation, observed: Observed, now: datetime) -> Situation:
    """Give up a workspace that can't be reached from where the GPUs are."""
    profile = situation.acceptance.profile if situation.failure is None else None
    uid = abandoned_claim(observed, profile, situation.need, situation.current, situation.outcome, now)
    if uid is None or uid == observed.job.status.abandoned_workspace:
        return replace(situation, abandoned=uid)
    text = "No free GPU can reach the workspace's volume: the photos are prepared again on a volume near one."
    return replace(situation, abandoned=uid, notices=(*situation.notices, Notice(False, WORKSPACE_MOVED, text)))


def _start_over_without_workspace(situation: Situation, observed: Observed) -> Situation:
    """Results that a class builds on are in the workspace: where it is gone, they are made again first. What is only to
    be delivered otherwise is made from what was published, where there is such."""
    job, claim = observed.job, observed.claim
    if situation.current is None or situation.failure is not None:
        return situation
    lost = is_lost(claim, job.uid, situation.outcome)
    gone = (
        claim is None or lost or (claim.parent_uid == job.uid and (claim.deleting or claim.uid == situation.abandoned))
    )
    partial = bool(job.status.from_destination) and situation.current.resource_class is not ResourceClass.DELIVER
    waits_in_vain = (lost and not isinstance(situation.outcome, Absent)) or is_held_up(
        observed, situation.current, situation.outcome
    )
    if not (gone or partial) or not (waits_in_vain or any(run.completed for run in situation.runs)):
        return situation
    if situation.current.resource_class is ResourceClass.DELIVER and was_published(job) and not waits_in_vain:
        situation = replace(situation, from_destination=True)
        return situation if claim is not None else _expecting_no_claim(situation, job)
    runs = tuple(restarted(job, run) for run in situation.runs)
    first = next(run for run in runs if run.digest == situation.needs[0].digest)
    situation = replace(situation, starts_over=True, runs=runs, current=first, outcome=Absent(), attempt_reports=())
    if claim is None:
        return _expecting_no_claim(situation, job)
    if lost:
        text = f"The volume of claim {claim.name} is lost: the job starts over, from the photos."
        notice = Notice(True, WORKSPACE_LOST, text)
        return replace(situation, notices=(*situation.notices, notice))
    return situation


def _expecting_no_claim(situation: Situation, job: JobView) -> Situation:
    return replace(situation, expects=(*situation.expects, ExpectAbsent("claim", claim_name(job.key.name))))


def _stop_where_not_accepted(situation: Situation, observed: Observed, now: datetime) -> Situation:
    """A job that is no longer accepted, after a change of its spec, holds no hardware. What a pod has reported that had
    ended by then stays to be read."""
    current = situation.current
    if situation.acceptance.accepted or current is None or not isinstance(situation.outcome, Running | Waiting):
        return situation
    return _interrupted(situation, current, observed, now)


def _wait_for_upstream(situation: Situation, observed: Observed) -> Situation:
    """Before a pod that takes over another job's results: like a missing profile, a missing job is no end, but the job
    can't be run until it appears."""
    current = situation.current
    if current is None or situation.failure is not None or not isinstance(situation.outcome, Absent):
        return situation
    found = dependency(observed, current.resource_class)
    if found.failure is None:
        return replace(situation, awaits=found.waits)
    acceptance = replace(
        situation.acceptance,
        accepted=False,
        reason=found.failure.code,
        message=found.failure.message,
        failure=found.failure,
    )
    return replace(situation, acceptance=acceptance, failure=found.failure)


def _spent_seconds(situation: Situation, observed: Observed, now: datetime) -> float:
    """Only running time counts: neither waiting for hardware nor suspension brings a deadline nearer."""
    spent = recorded_seconds(situation)
    return spent + (running_seconds(situation.current, observed, now) if situation.current is not None else 0.0)


def _enforce_deadline(situation: Situation, spec: ReconstructionJobSpec, spent: float, now: datetime) -> Situation:
    limit, current = deadline_seconds(spec, situation.acceptance.profile), situation.current
    if limit is None or current is None or situation.failure is not None:
        return situation
    if spent >= limit:
        following = current.model_copy(update={"trouble": "DeadlineExceeded", "ended": True})
        runs = with_run(situation.runs, following)
        return replace(situation, failure=deadline_exceeded(), current=following, runs=runs)
    left = timedelta(seconds=limit - spent)
    return replace(situation, deadline=now + left, remaining_seconds=int(left.total_seconds()) + 1)


def _apply_hold(
    situation: Situation, spec: ReconstructionJobSpec, spent: float, observed: Observed, now: datetime
) -> Situation:
    """A held attempt ends without being counted: its Job is deleted, its pod saves what it has."""
    current = situation.current
    if current is None or situation.failure is not None:
        return situation
    reports = [each.report for each in situation.attempt_reports]
    stages = [] if situation.starts_over else observed.job.status.stages
    written = observed.job.written or spec
    own = written.soft_deadline_seconds is not None
    hold = hold_of(spec, situation.needs, situation.runs, stages, reports, spent, deadline_is_own=own)
    if hold is None:
        return _expect_soft_deadline(situation, spec, spent, now)
    situation = replace(situation, hold=hold)
    return situation if isinstance(situation.outcome, Absent) else _interrupted(situation, current, observed, now)


def _expect_soft_deadline(situation: Situation, spec: ReconstructionJobSpec, spent: float, now: datetime) -> Situation:
    if spec.soft_deadline_seconds is None:
        return situation
    soft = now + timedelta(seconds=spec.soft_deadline_seconds - spent)
    return replace(situation, deadline=min(soft, situation.deadline or soft))


def _interrupted(situation: Situation, current: ClassRun, observed: Observed, now: datetime) -> Situation:
    """Its Job is deleted, its pod saves what it has, and what follows one day is another attempt."""
    seconds = current.seconds + round(running_seconds(current, observed, now))
    interrupted = current.model_copy(
        update={"interruptions": current.interruptions + 1, "seconds": seconds, "pods": [], "trouble": ""}
    )
    following = next_attempt(observed.job, interrupted, None)
    runs = with_run(situation.runs, following)
    return replace(situation, current=following, outcome=Absent(), runs=runs, deadline=None)
