"""What people should hear about, once, as Kubernetes Events: the difference that a decision makes."""

from __future__ import annotations

from reconstruction_api.deliveries import DeliveryState
from reconstruction_api.errors import CATALOGUE
from reconstruction_api.lifecycle import CancellationState
from reconstruction_api.reasons import Reason
from reconstruction_api.status import ConditionType, ReconstructionJobStatus

from ...actions import CreateJob, EnsureClaim
from ..control.cancel import describe_cancellation
from ..control.heartbeat import CODE as WORKER_SILENT
from ..control.interruptions import NO_PROGRESS
from ..control.notify import masked
from ..control.pinning import LOST as PROFILE_LOST
from ..control.retention import is_removed
from ..control.situation import CLASS_COMPLETED, WORKSPACE_LOST, WORKSPACE_MOVED, Notice, Situation

_WAITING_REASONS = (
    "ConcurrencyLimit", "DependencyNotReady", "Queued", "Unschedulable", "WorkspaceElsewhere", "GPUUnavailable",
    "QuotaExceeded", "QueueNotAdmitting", "ControlPlaneUnavailable",
    "VolumeUnavailable", "CreationRefused", "NodeLost", "PodNotStarting", "ImagePullFailed", "SourceAccessDenied",
    "SourceInUse", "SourceNotFound", "InternalError",
)  # fmt: skip
"""Codes of the catalogue that people should hear about while the job waits."""
_USUAL = ("ConcurrencyLimit", "DependencyNotReady", "Queued")
"""Nothing is wrong: these are no warnings."""


def notices(
    before: ReconstructionJobStatus,
    after: ReconstructionJobStatus,
    situation: Situation,
    created: tuple[EnsureClaim | CreateJob, ...],
) -> tuple[Notice, ...]:
    """In the order in which things happened. A job that is accepted and started at once is reported once: an Event is a
    write like any other, and thousands of jobs may come at the same time."""
    result: list[Notice] = []
    starts = any(isinstance(action, CreateJob) for action in created)
    accepted = _turned(before, after, ConditionType.ACCEPTED, "True")
    if accepted and not starts:
        result.append(Notice(False, "Accepted", situation.acceptance.message))
    if _condition(after, ConditionType.ACCEPTED)[1] == PROFILE_LOST != _condition(before, ConditionType.ACCEPTED)[1]:
        result.append(Notice(True, PROFILE_LOST, situation.acceptance.message))
    if _changed_reason(before, after, ConditionType.ACCEPTED):
        result.append(Notice(True, situation.acceptance.reason, situation.acceptance.message))
    completed = [each for each in situation.notices if each.reason == CLASS_COMPLETED]
    ends = after.completion_time is not None and before.completion_time is None and situation.failure is None
    merged = completed if starts or ends else []
    result.extend(each for each in situation.notices if each not in merged)
    _, reason, message = _condition(after, ConditionType.ADMITTED)
    if reason in _WAITING_REASONS and reason != _condition(before, ConditionType.ADMITTED)[1]:
        result.append(Notice(reason not in _USUAL, reason, message))
    held = situation.hold
    if held is not None and _condition(before, ConditionType.SUSPENDED)[:2] != ("True", held.reason):
        result.append(Notice(False, held.reason, held.message))
    if _turned(before, after, ConditionType.SUSPENDED, "False") and before.conditions:
        result.append(Notice(False, "Resumed", "The job continues."))
    run = situation.current
    if run is not None and starts:
        text = f"{run.resource_class.capitalize()}, attempt {run.attempt}: Job {run.job_name}."
        words = [*(each.message for each in merged), text, *([situation.acceptance.message] if accepted else [])]
        result.append(Notice(False, Reason.STARTED, _sentences(words)))
    result.extend(_about_cancellation(before, situation))
    _, reason, message = _condition(after, ConditionType.STALLED)
    if reason in (WORKER_SILENT, NO_PROGRESS) and reason != _condition(before, ConditionType.STALLED)[1]:
        result.append(Notice(True, reason, message))
    if is_removed(after.retention) and not is_removed(before.retention) and not situation.cancelled:
        result.append(Notice(False, "WorkspaceRemoved", "spec.retention.workspaceSeconds has elapsed."))
    unable = {(each.id, masked(each).receiver) for each in before.notifications if each.state is DeliveryState.FAILED}
    for each in after.notifications:
        if each.state is DeliveryState.FAILED and (each.id, each.receiver) not in unable:
            result.append(
                Notice(True, "NotificationFailed", f"{each.event} was not delivered to {each.url}: {each.message}")
            )
    explained = any(each.reason in (WORKSPACE_LOST, WORKSPACE_MOVED) for each in situation.notices)
    if situation.starts_over and not explained:
        result.append(Notice(True, "WorkspaceGone", "The workspace was deleted: the job starts over, from the photos."))
    if after.from_destination and not before.from_destination:
        text = "The workspace was deleted: what is to be delivered is made from the published results."
        result.append(Notice(False, "FromDestination", text))
    failure = situation.failure if situation.acceptance.accepted else None
    if failure is not None and _turned(before, after, ConditionType.SUCCEEDED, "False"):
        result.append(Notice(True, failure.code, f"{failure.message} {failure.suggestion}"))
    if _turned(before, after, ConditionType.SUCCEEDED, "True"):
        words = [*(each.message for each in merged), "All artifacts are ready."]
        result.append(Notice(False, "Succeeded", _sentences(words)))
    return tuple(result)


def _about_cancellation(before: ReconstructionJobStatus, situation: Situation) -> list[Notice]:
    """Each turn of a request; the end itself is reported as the job's failure is."""
    old, new = before.cancellation, situation.cancellation
    if new is None:
        withdrawn = old is not None and old.state is CancellationState.REQUESTED
        return [Notice(False, "CancellationWithdrawn", "The job continues.")] if withdrawn else []
    if situation.cancelled or (old is not None and old.state is new.state):
        return []
    reason, message = describe_cancellation(new)
    return [Notice(True, reason if reason in CATALOGUE else f"Cancellation{reason}", message)]


def _sentences(words: list[str]) -> str:
    return " ".join(each if each.endswith((".", "!", "?")) else f"{each}." for each in words)


def _condition(status: ReconstructionJobStatus, kind: ConditionType) -> tuple[str, str, str]:
    """Status, reason and message; empty when the condition was never set."""
    for condition in status.conditions:
        if condition.type == kind:
            return condition.status, condition.reason, condition.message
    return "", "", ""


def _turned(before: ReconstructionJobStatus, after: ReconstructionJobStatus, kind: ConditionType, status: str) -> bool:
    return _condition(after, kind)[0] == status != _condition(before, kind)[0]


def _changed_reason(before: ReconstructionJobStatus, after: ReconstructionJobStatus, kind: ConditionType) -> bool:
    """The condition is False now, and was not, or for another reason."""
    old, new = _condition(before, kind), _condition(after, kind)
    return new[0] == "False" and old[:2] != new[:2]
