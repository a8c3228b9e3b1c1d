"""The conditions of a job, for people, `kubectl wait`, Flux and Argo CD.

`Succeeded` is Unknown while the job can still succeed. `Reconciling` and `Stalled` follow kstatus
(sigs.k8s.io/cli-utils): both False means the object is as wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from reconstruction_api.lifecycle import CancellationState, CancellationStatus
from reconstruction_api.metric_names import Metric
from reconstruction_api.quality import Verdict
from reconstruction_api.reasons import Reason
from reconstruction_api.stages import StageName
from reconstruction_api.status import (
    UNKNOWN_REASON,
    ClassRun,
    Condition,
    ConditionType,
    StageState,
    StageStatus,
    is_reason,
)

from ...model import Observed
from ...times import format_time
from ..control.attempt import ON_ITS_WAY, Running, Waiting
from ..control.cancel import describe_cancellation
from ..control.children import Blocked
from ..control.heartbeat import CODE as WORKER_SILENT
from ..control.heartbeat import silence
from ..control.interruptions import NO_PROGRESS, fruitless
from ..control.settling import may_settle
from ..control.situation import Situation
from .device import trained_on_gpu

BELOW_BAR = "QualityBelowThreshold"
_VERDICTS: dict[str | int, tuple[bool, str]] = {
    Verdict.PASS: (True, Reason.QUALITY_PASSED),
    Verdict.WARN: (True, Reason.QUALITY_WARNING),
    Verdict.FAIL: (False, Reason.QUALITY_FAILED),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A condition without its bookkeeping. `status` None is Unknown."""

    status: bool | None
    reason: str
    message: str = ""


def conditions(
    observed: Observed,
    situation: Situation,
    stages: list[StageStatus],
    obstacle: Blocked | None,
    metrics: dict[str, str | int],
    now: datetime,
) -> list[Condition]:
    """All conditions in the order of ConditionType; lastTransitionTime moves only with the status."""
    trouble = _trouble(observed, situation, now)
    admitted = _admitted(observed, situation, obstacle)
    settling = may_settle(observed, situation, now) is not None
    facts = {
        ConditionType.ACCEPTED: Fact(
            situation.acceptance.accepted, situation.acceptance.reason, situation.acceptance.message
        ),
        ConditionType.ADMITTED: admitted,
        ConditionType.SUSPENDED: _suspended(situation),
        ConditionType.POSES_ESTIMATED: _reached(StageName.POSES, stages),
        ConditionType.TRAINED: _reached(StageName.TRAIN, stages),
        ConditionType.EXPORTED: _reached(StageName.EXPORT, stages),
        ConditionType.VALIDATED: _validated(situation, stages, metrics),
        ConditionType.SUCCEEDED: _succeeded(situation, observed, admitted),
        ConditionType.FINISHED: _finished(situation),
        ConditionType.RECONCILING: _reconciling(situation, obstacle, trouble, settling),
        ConditionType.STALLED: _stalled(situation, trouble, settling),
    }
    if (trained := trained_on_gpu(situation, metrics)) is not None:
        facts[ConditionType.TRAINED_ON_GPU] = Fact(*trained)
    if situation.cancellation is not None:
        facts[ConditionType.CANCELLATION_REQUESTED] = _cancellation_requested(situation.cancellation)
    previous = {condition.type: condition for condition in observed.job.status.conditions}
    return [_recorded(kind, fact, previous.get(kind), observed, now) for kind, fact in facts.items()]


def _recorded(
    kind: ConditionType, fact: Fact, before: Condition | None, observed: Observed, now: datetime
) -> Condition:
    status: Literal["True", "False", "Unknown"] = (
        "Unknown" if fact.status is None else "True" if fact.status else "False"
    )
    same = before is not None and before.status == status
    return Condition(
        type=kind,
        status=status,
        reason=fact.reason if is_reason(fact.reason) else UNKNOWN_REASON,  # a kubelet's word may be anything
        message=fact.message[:1024],
        last_transition_time=before.last_transition_time if before is not None and same else format_time(now),
        observed_generation=observed.job.generation,
    )


def _admitted(observed: Observed, situation: Situation, obstacle: Blocked | None) -> Fact:
    if situation.done:
        return Fact(True, "Finished", "All pods have run.")
    if not situation.acceptance.accepted:
        return Fact(False, "NotAccepted", "The job is not accepted.")
    if situation.failure is not None:
        return Fact(False, "Cancelled" if situation.cancelled else "Failed", "The job has ended.")
    if situation.hold is not None:
        return Fact(False, situation.hold.reason, situation.hold.message)
    outcome = situation.outcome
    if isinstance(outcome, Running):
        return Fact(True, "Running", f"The {_class(situation)} pod runs.")
    if isinstance(outcome, Waiting):
        return Fact(outcome.scheduled, outcome.reason, outcome.message)
    if obstacle is not None:
        return Fact(False, obstacle.reason, obstacle.message)
    return Fact(False, *ON_ITS_WAY)


def _suspended(situation: Situation) -> Fact:
    if situation.hold is not None:
        return Fact(True, situation.hold.reason, situation.hold.message)
    return Fact(False, "NotSuspended")


def _reached(name: StageName, stages: list[StageStatus]) -> Fact:
    stage = next((each for each in stages if each.name == name), None)
    if stage is None:
        return Fact(False, "NotWanted" if stages else "Pending")
    return Fact(stage.state == StageState.SUCCEEDED, stage.state.value, stage.message)


def _validated(situation: Situation, stages: list[StageStatus], metrics: dict[str, str | int]) -> Fact:
    """What the quality bar makes of the result; a verdict that is not known says no more than that it was measured."""
    if situation.failure is not None and situation.failure.code == BELOW_BAR:
        return Fact(False, Reason.QUALITY_FAILED, situation.failure.message)
    fact = _reached(StageName.EVALUATE, stages)
    if not fact.status:
        return fact
    status, reason = _VERDICTS.get(metrics.get(Metric.QUALITY_VERDICT, ""), (True, "Evaluated"))
    return Fact(status, reason, fact.message)


def _succeeded(situation: Situation, observed: Observed, admitted: Fact) -> Fact:
    """Until the end, reason and message are those of what the job does or waits for: `kubectl get` shows them."""
    if situation.done:
        kept = observed.job.status.retention
        gone = kept.workspace_removed_time if kept else None
        return Fact(True, "Completed", f"The workspace was removed at {gone}." if gone else "All artifacts are ready.")
    if situation.failure is not None:
        return Fact(False, situation.failure.code, situation.failure.message)
    if situation.hold is not None:
        return Fact(None, situation.hold.reason, situation.hold.message)
    return Fact(None, admitted.reason, admitted.message)


def _finished(situation: Situation) -> Fact:
    """A job that is not accepted has not ended: it continues by itself once what it lacks is there."""
    if situation.done:
        return Fact(True, "Completed", "The job has succeeded.")
    if situation.cancelled:
        return Fact(True, "Cancelled", "The job was cancelled.")
    if situation.failure is not None and situation.acceptance.accepted:
        return Fact(True, situation.failure.code, "The job has failed.")
    return Fact(False, "NotFinished")


def _reconciling(situation: Situation, obstacle: Blocked | None, trouble: Fact | None, settling: bool) -> Fact:
    if situation.done:
        return Fact(False, "Completed")
    if situation.failure is not None and settling:
        return Fact(True, "Waiting", situation.failure.message)
    if situation.failure is not None:
        return Fact(False, "Cancelled" if situation.cancelled else "Failed")
    if situation.hold is not None:
        return Fact(False, situation.hold.reason)
    if trouble is not None:
        return Fact(False, trouble.reason)
    run = situation.current
    if run is not None and run.trouble and not isinstance(situation.outcome, Running):
        return Fact(True, Reason.RETRYING, f"{obstacle.message if obstacle else 'A new pod follows.'} {run.trouble}")
    outcome = situation.outcome
    if isinstance(outcome, Waiting) and not outcome.scheduled and (outcome.reason, outcome.message) != ON_ITS_WAY:
        return Fact(True, "Waiting", outcome.message)
    if obstacle is not None and not isinstance(situation.outcome, Running | Waiting):
        return Fact(True, "Waiting", obstacle.message)
    return Fact(True, "Progressing", _activity(run))


def _stalled(situation: Situation, trouble: Fact | None, settling: bool) -> Fact:
    if situation.failure is not None and settling:
        return Fact(False, "NotStalled")
    if situation.failure is not None:
        return Fact(True, situation.failure.code, situation.failure.suggestion)
    return trouble or Fact(False, "NotStalled")


def _trouble(observed: Observed, situation: Situation, now: datetime) -> Fact | None:
    """Why a job that has not ended makes no progress."""
    if (silent := silence(observed, situation, now)) is not None:
        return Fact(True, WORKER_SILENT, silent)
    held = situation.hold is not None or situation.cancelled
    message = None if held else fruitless(situation.current)
    return Fact(True, NO_PROGRESS, message) if message is not None else None


def _cancellation_requested(cancellation: CancellationStatus) -> Fact:
    honoured = cancellation.state in (CancellationState.REQUESTED, CancellationState.CONFIRMED)
    return Fact(honoured, *describe_cancellation(cancellation))


def _activity(run: ClassRun | None) -> str:
    return "" if run is None else f"{run.resource_class.capitalize()}, attempt {run.attempt}."


def _class(situation: Situation) -> str:
    return situation.current.resource_class.value if situation.current else ""
