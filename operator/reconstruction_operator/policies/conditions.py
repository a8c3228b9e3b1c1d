"""The conditions of a job, for people, `kubectl wait`, Flux and Argo CD.

`Succeeded` is Unknown while the job can still succeed. `Reconciling` and `Stalled` follow kstatus
(sigs.k8s.io/cli-utils): both False means the object is as wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from reconstruction_api.lifecycle import CancellationState, CancellationStatus
from reconstruction_api.stages import StageName
from reconstruction_api.status import ClassRun, Condition, ConditionType, StageState, StageStatus

from ..model import Observed
from ..times import format_time
from .advance import Situation
from .attempt import ON_ITS_WAY, Running, Waiting
from .cancel import told
from .children import Blocked
from .heartbeat import CODE, silence
from .settling import may_settle


@dataclass(frozen=True, slots=True)
class Fact:
    """A condition without its bookkeeping. `status` None is Unknown."""

    status: bool | None
    reason: str
    message: str = ""


def conditions(
    observed: Observed, situation: Situation, stages: list[StageStatus], obstacle: Blocked | None,
    metrics: dict[str, str | int], now: datetime,
) -> list[Condition]:  # fmt: skip
    """All conditions in the order of ConditionType; lastTransitionTime moves only with the status."""
    silent = silence(observed, situation, now)
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
        ConditionType.VALIDATED: _validated(stages, metrics),
        ConditionType.SUCCEEDED: _succeeded(situation, observed, admitted),
        ConditionType.FINISHED: _finished(situation),
        ConditionType.RECONCILING: _reconciling(situation, obstacle, silent, settling),
        ConditionType.STALLED: _stalled(situation, silent, settling),
    }
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
        reason=fact.reason,
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


def _validated(stages: list[StageStatus], metrics: dict[str, str | int]) -> Fact:
    fact = _reached(StageName.EVALUATE, stages)
    if fact.status and metrics.get("verdict") == "warn":
        return Fact(True, "QualityWarning", fact.message)
    return Fact(True, "QualityPassed", fact.message) if fact.status else fact


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
    """A job that is not accepted has not ended: it goes on by itself once what it lacks is there."""
    if situation.done:
        return Fact(True, "Completed", "The job has succeeded.")
    if situation.cancelled:
        return Fact(True, "Cancelled", "The job was cancelled.")
    if situation.failure is not None and situation.acceptance.accepted:
        return Fact(True, situation.failure.code, "The job has failed.")
    return Fact(False, "NotFinished")


def _reconciling(situation: Situation, obstacle: Blocked | None, silent: str | None, settling: bool) -> Fact:
    if situation.done:
        return Fact(False, "Completed")
    if situation.failure is not None and settling:
        return Fact(True, "Waiting", situation.failure.message)
    if situation.failure is not None:
        return Fact(False, "Cancelled" if situation.cancelled else "Failed")
    if situation.hold is not None:
        return Fact(False, situation.hold.reason)
    if silent is not None:
        return Fact(False, CODE)
    run = situation.current
    if run is not None and run.trouble and not isinstance(situation.outcome, Running):
        return Fact(True, "Retrying", f"{obstacle.message if obstacle else 'A new pod is coming.'} {run.trouble}")
    outcome = situation.outcome
    if isinstance(outcome, Waiting) and not outcome.scheduled and (outcome.reason, outcome.message) != ON_ITS_WAY:
        return Fact(True, "Waiting", outcome.message)
    if obstacle is not None and not isinstance(situation.outcome, Running | Waiting):
        return Fact(True, "Waiting", obstacle.message)
    return Fact(True, "Progressing", _activity(run))


def _stalled(situation: Situation, silent: str | None, settling: bool) -> Fact:
    if situation.failure is not None and settling:
        return Fact(False, "NotStalled")
    if situation.failure is not None:
        return Fact(True, situation.failure.code, situation.failure.suggestion)
    return Fact(True, CODE, silent) if silent is not None else Fact(False, "NotStalled")


def _cancellation_requested(cancellation: CancellationStatus) -> Fact:
    return Fact(cancellation.state in (CancellationState.REQUESTED, CancellationState.CONFIRMED), *told(cancellation))


def _activity(run: ClassRun | None) -> str:
    return "" if run is None else f"{run.resource_class.capitalize()}, attempt {run.attempt}."


def _class(situation: Situation) -> str:
    return situation.current.resource_class.value if situation.current else ""
