"""The operator's mind: from everything observed of one job, and the time, to what should be done.

Pure and total: no input or output, no clock, no memory. The same observation gives the same plan, and a plan that was
carried out gives an empty one. Each concern has its file under `policies`; this one only puts them in order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from reconstruction_api.lifecycle import RetentionStatus
from reconstruction_api.metric_limits import Metrics
from reconstruction_api.metric_names import Metric
from reconstruction_api.short_id import short_id
from reconstruction_api.status import ReconstructionJobStatus

from .actions import Action, CreateJob, Emit, EnsureClaim, Plan
from .manifests.child_names import claim_name
from .model import Observed
from .policies.control import lost
from .policies.control.accept import Acceptance, accept
from .policies.control.advance import advance
from .policies.control.attempt import Waiting
from .policies.control.children import Blocked, blocked, creations, may_start, outdated, unclaimed, unseen_pods
from .policies.control.claims import adoptions
from .policies.control.destinations import published_to
from .policies.control.environment import masked
from .policies.control.notify import deliveries, due
from .policies.control.pinning import pinned_at, to_pin
from .policies.control.removal_pods import removals_by_pods
from .policies.control.removals import removals
from .policies.control.renewal import current_digest
from .policies.control.retention import has_checkpoints, is_removed, remaining, retention
from .policies.control.schedule import next_check
from .policies.control.shared_sources import awaiting_source
from .policies.control.situation import Situation
from .policies.control.turn import WAITS_FOR_TURN, admission_time
from .policies.control.yielding import idleness, slot_state, yield_time, yield_turn
from .policies.reporting.conditions import conditions
from .policies.reporting.notices import notices
from .policies.reporting.progress import artifacts, checkpoints, current_stage, job_progress, metrics, stage_statuses
from .policies.reporting.unreadable import left_alone
from .policies.reporting.unwritable import given_up
from .times import format_time

Created = tuple[EnsureClaim | CreateJob, ...]


def decide(observed: Observed, now: datetime) -> Plan:
    """What to write, create and delete for one job, and when to look again."""
    job = observed.job
    if job.deleting:
        return Plan()
    if job.unreadable is not None:
        return left_alone(observed, job.unreadable, now)
    acceptance = accept(observed)
    observed = _as_accepted(observed, acceptance)
    situation = advance(observed, acceptance, now)
    if observed.status_refusal is not None:
        return given_up(observed, situation, observed.status_refusal, now)
    situation = awaiting_source(situation, observed, now)
    obstacle = blocked(observed, situation, now)
    idle = idleness(observed, situation, obstacle, now)
    situation = yield_turn(situation, idle, observed, now)
    if situation.yields_turn:
        obstacle = blocked(observed, situation, now)
    created = creations(observed, situation, now)
    status = _next_status(observed, situation, obstacle, created, now)
    waiting = obstacle is not None and obstacle.reason == WAITS_FOR_TURN and may_start(situation)
    raised = notices(job.status, status, situation, created)
    actions: tuple[Action, ...] = (
        *outdated(observed, situation),
        *removals(observed, situation, status, now),
        *removals_by_pods(observed, situation, status.retention, now),
        *lost.removals(observed, situation.acceptance.profile, now),
        *adoptions(observed),
        *created,
        *due(observed, status, now),
        *(Emit(notice.warning, notice.reason, notice.message) for notice in raised),
    )
    return Plan(
        status=None if status == job.status else status,
        pins=to_pin(observed, acceptance.snapshot, status.profile_revision),
        actions=actions,
        next_check=next_check(observed, situation, obstacle, status, now, idle),
        slot=slot_state(idle, now) if status.admission_time else "waiting" if waiting else "none",
        expects=(*situation.expects, *unclaimed(observed, created), *unseen_pods(observed, situation, created)),
        inquiries=situation.outcome.inquiries if isinstance(situation.outcome, Waiting) else (),
    )


def _as_accepted(observed: Observed, acceptance: Acceptance) -> Observed:
    """With the spec as it is to be run: from here on no field is unset that something stands for."""
    if acceptance.planned is None:
        return observed
    job = observed.job
    return replace(observed, job=replace(job, spec=acceptance.planned.spec, written=job.spec))


def _next_status(
    observed: Observed, situation: Situation, obstacle: Blocked | None, created: Created, now: datetime
) -> ReconstructionJobStatus:
    """The status with the messages that follow from it."""
    status = _status(observed, situation, obstacle, created, now)
    if observed.job.spec is None or observed.job.spec.notifications or observed.job.status.notifications:
        status.notifications = deliveries(observed, status, now)
    return status


def _status(
    observed: Observed, situation: Situation, obstacle: Blocked | None, created: Created, now: datetime
) -> ReconstructionJobStatus:
    before = observed.job.status
    if observed.job.spec is None:
        return _status_of_unreadable_spec(observed, situation, obstacle, now)
    started = any(isinstance(action, CreateJob) for action in created)
    stages = stage_statuses(observed, situation, now)
    numbers = metrics(observed, situation)
    ended = situation.done or situation.cancelled or (situation.failure is not None and situation.acceptance.accepted)
    completion_time = (before.completion_time or format_time(now)) if ended else None
    kept = retention(observed, situation, completion_time, now)
    files = remaining(artifacts(observed, situation), kept, observed.job)
    return ReconstructionJobStatus(
        observed_generation=observed.job.generation,
        operator=before.operator,
        short_id=short_id(observed.job.uid),
        conditions=conditions(observed, situation, stages, obstacle, numbers, now),
        **_kept_plan(before, situation.acceptance, numbers),
        stage=current_stage(stages, situation),
        progress=job_progress(observed, situation, stages, now),
        stages=stages,
        runs=list(situation.runs),
        metrics=numbers,
        checkpoints=checkpoints(observed, situation) if has_checkpoints(kept) else [],
        artifacts=files,
        failure=situation.failure,
        profile=masked(situation.acceptance.snapshot or before.profile),
        profile_revision=pinned_at(observed, situation.acceptance.snapshot),
        workspace_claim=_workspace_claim(observed, kept, created),
        abandoned_workspace=situation.abandoned or before.abandoned_workspace,
        from_destination=_holds_only_published(before, situation, kept),
        published_to=published_to(observed.job, files, done=situation.done),
        admission_time=admission_time(observed, situation, started=started, now=now),
        yield_time=yield_time(observed, situation, now),
        start_time=before.start_time or (format_time(now) if started else None),
        completion_time=completion_time,
        cancellation=situation.cancellation,
        retention=kept,
        spec_digest=current_digest(observed.job),
    )


def _status_of_unreadable_spec(
    observed: Observed, situation: Situation, obstacle: Blocked | None, now: datetime
) -> ReconstructionJobStatus:
    """All that is known stays known: the spec may have been written for a later operator, which will be back."""
    before = observed.job.status
    written = conditions(observed, situation, before.stages, obstacle, before.metrics, now)
    return before.model_copy(
        update={
            "observed_generation": observed.job.generation,
            "short_id": short_id(observed.job.uid),
            "conditions": written,
            "failure": situation.failure,
            "profile": masked(before.profile),
        }
    )


def _holds_only_published(
    before: ReconstructionJobStatus, situation: Situation, kept: RetentionStatus | None
) -> bool | None:
    """Whether the workspace lacks what is not published. One that is gone lacks nothing."""
    if situation.from_destination:
        return True
    return None if situation.starts_over or is_removed(kept) else before.from_destination


def _kept_plan(before: ReconstructionJobStatus, acceptance: Acceptance, numbers: Metrics) -> dict[str, Any]:
    """The status fields that say what the job runs. One that is refused keeps those of the spec that was accepted: it
    may be accepted again."""
    whole = acceptance.planned if acceptance.accepted else None
    if whole is None:
        return {"engine": before.engine, "defaults": before.defaults, "plan": before.plan}
    engine = before.engine or whole.spec.chosen_engine
    if (best := str(numbers.get(Metric.BEST_ENGINE, ""))) in (whole.spec.engines or ()):
        engine = best
    return {"engine": engine, "defaults": whole.defaults, "plan": whole.plan}


def _workspace_claim(observed: Observed, kept: RetentionStatus | None, created: Created) -> str | None:
    if is_removed(kept):
        return None
    used = any(isinstance(action, EnsureClaim) for action in created) or (observed.claim is not None and bool(created))
    return claim_name(observed.job.key.name) if used else observed.job.status.workspace_claim
