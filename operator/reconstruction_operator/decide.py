"""The operator's mind: from everything observed of one job, and the time, to what should be done.

Pure and total: no input or output, no clock, no memory. The same observation gives the same plan, and a plan that was
carried out gives an empty one. Each concern has its file under `policies`; this one only puts them in order.
"""

from __future__ import annotations

from datetime import datetime

from reconstruction_api.status import ReconstructionJobStatus

from .manifests.names import claim_name
from .model import Observed
from .plan import Action, CreateJob, Emit, Plan
from .policies.accept import accept
from .policies.advance import Situation, advance
from .policies.attempt import Waiting
from .policies.children import Blocked, blocked, creations, may_start, outdated
from .policies.conditions import conditions
from .policies.notices import notices
from .policies.progress import artifacts, current_stage, job_progress, metrics, stage_statuses
from .policies.renewal import current_digest
from .policies.schedule import next_check
from .policies.turn import WAITS_FOR_TURN, admission_time
from .policies.workspace import removals
from .times import format_time


def decide(observed: Observed, now: datetime) -> Plan:
    """What to write, create and delete for one job, and when to look again."""
    job = observed.job
    if job.deleting:
        return Plan()
    situation = advance(observed, accept(observed), now)
    obstacle = blocked(observed, situation, now)
    created = creations(observed, situation, now)
    status = _status(
        observed, situation, obstacle, started=any(isinstance(action, CreateJob) for action in created), now=now
    )
    waiting = obstacle is not None and obstacle.reason == WAITS_FOR_TURN and may_start(situation)
    told = notices(job.status, status, situation, created)
    actions: tuple[Action, ...] = (
        *outdated(observed, situation),
        *removals(observed, situation),
        *created,
        *(Emit(notice.warning, notice.reason, notice.message) for notice in told),
    )
    return Plan(
        status=None if status == job.status else status,
        actions=actions,
        next_check=next_check(situation, obstacle),
        place="held" if status.admission_time else "waiting" if waiting else "none",
        inquiries=situation.outcome.inquiries if isinstance(situation.outcome, Waiting) else (),
    )


def _status(
    observed: Observed, situation: Situation, obstacle: Blocked | None, started: bool, now: datetime
) -> ReconstructionJobStatus:
    before = observed.job.status
    stages = stage_statuses(observed, situation, now)
    numbers = metrics(observed, situation)
    ended = situation.done or situation.cancelled or (situation.failure is not None and situation.acceptance.accepted)
    return ReconstructionJobStatus(
        observed_generation=observed.job.generation,
        conditions=conditions(observed, situation, stages, obstacle, numbers, now),
        stage=current_stage(stages, situation),
        progress=job_progress(observed, situation, stages, now),
        stages=stages,
        runs=list(situation.runs),
        metrics=numbers,
        artifacts=artifacts(observed, situation),
        failure=situation.failure,
        profile=situation.acceptance.snapshot or before.profile,
        workspace_claim=_workspace_claim(observed, situation, started),
        admission_time=admission_time(observed, situation, started=started, now=now),
        start_time=before.start_time or (format_time(now) if started else None),
        completion_time=(before.completion_time or format_time(now)) if ended else None,
        cancellation=situation.cancellation,
        spec_digest=current_digest(observed.job),
    )


def _workspace_claim(observed: Observed, situation: Situation, started: bool) -> str | None:
    if situation.cancelled:
        return None
    return claim_name(observed.job.key.name) if started else observed.job.status.workspace_claim
