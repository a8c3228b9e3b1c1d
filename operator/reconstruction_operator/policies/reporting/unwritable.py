"""A status that the API server does not take: too large, or not as its schema demands.

Without a status there is no decision that lasts, so the job ends: with a small status that says so, with its slot
given back, and with nothing left that runs. Another spec is another attempt.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconstruction_api.status import ClassRun, ReconstructionJobStatus, StageState, StageStatus
from reconstruction_api.text import one_line
from reconstruction_api.worker import Failure

from ...actions import Plan
from ...model import Observed, StatusRefusal
from ...times import format_time
from ..control import lost
from ..control.children import outdated
from ..control.failure import failure
from ..control.notify import deliveries, due
from ..control.removals import removals
from ..control.renewal import current_digest
from ..control.retention import retention
from ..control.schedule import next_check
from ..control.situation import Situation
from .conditions import conditions

_SHORT = 300


def given_up(observed: Observed, situation: Situation, refusal: StatusRefusal, now: datetime) -> Plan:
    """The smallest status, and what has to go; nothing is created. A job that had ended before stays as it is."""
    before = observed.job.status
    over = _ended(situation, refusal)
    settled = before.completion_time is not None and before.observed_generation == observed.job.generation
    status = before if settled else _smallest(observed, over, now)
    return Plan(
        status=None if status == before else status,
        actions=(
            *outdated(observed, over),
            *removals(observed, over, status, now),
            *lost.removals(observed, over.acceptance.profile, now),
            *due(observed, status, now),
        ),
        next_check=next_check(observed, over, None, status, now),
        slot="none",
        expects=situation.expects,
    )


def _ended(situation: Situation, refusal: StatusRefusal) -> Situation:
    """As if the attempt had failed for good; a cancelled job stays one."""
    ended = situation.failure if situation.cancelled and situation.failure is not None else _failure(refusal)
    return replace(
        situation,
        failure=ended.shortened(_SHORT * 2),
        runs=tuple(_closed(run) for run in situation.runs),
        current=None,
        outcome=None,
        starts_over=False,
        awaits="",
        hold=None,
        attempt_reports=(),
        notices=(),
        deadline=None,
    )


def _failure(refusal: StatusRefusal) -> Failure:
    return failure(
        "InternalError",
        f"The cluster refuses the job's status: {one_line(refusal.message, _SHORT)}. What was to be written, such as "
        "the worker's report or the profile, is too large or malformed; the operator's log has the whole answer.",
    )


def _closed(run: ClassRun) -> ClassRun:
    """Known by its number and its child Job, which are never used twice."""
    closed = run.model_copy(update={"trouble": one_line(run.trouble, _SHORT), "retry_after": None})
    closed.pods, closed.ended = [], run.ended or not run.completed
    return closed


def _smallest(observed: Observed, over: Situation, now: datetime) -> ReconstructionJobStatus:
    before = observed.job.status
    stages = [_brief(stage) for stage in before.stages]
    completion_time = before.completion_time or format_time(now)
    status = ReconstructionJobStatus(
        observed_generation=observed.job.generation,
        conditions=conditions(observed, over, stages, None, {}, now),
        stage=before.stage,
        stages=stages,
        runs=list(over.runs),
        failure=over.failure,
        workspace_claim=before.workspace_claim,
        start_time=before.start_time,
        completion_time=completion_time,
        cancellation=over.cancellation,
        retention=retention(observed, over, completion_time, now),
        spec_digest=current_digest(observed.job),
    )
    status.notifications = deliveries(observed, status, now)
    return status


def _brief(stage: StageStatus) -> StageStatus:
    ended = {"state": StageState.FAILED} if stage.state is StageState.RUNNING else {}
    return stage.model_copy(update={"message": ""} | ended)
