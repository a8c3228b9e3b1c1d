"""Jobs that have ended, and of which nothing is left to do: they need no decision.

In a cluster that keeps its jobs these are nearly all. What a decision would find out by comparing everything with
everything follows here from a few members of the status as it was written; where any of them is not as expected, the
job gets its decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, cast

from reconstruction_api.deliveries import DeliveryState
from reconstruction_api.lifecycle import CancellationState
from reconstruction_api.short_id import short_id
from reconstruction_api.status import ConditionType

from ...model import ChildJob, Claim, Pod
from ...times import parse_time
from .needs import LABEL_LENGTH

Document = dict[str, Any]
_EXPIRIES = (
    "workspaceExpiryTime",
    "checkpointsExpiryTime",
    "artifactsExpiryTime",
    "publishedExpiryTime",
    "jobExpiryTime",
)


class Rest(NamedTuple):
    """A job at rest."""

    succeeded: Document
    """The condition that says how it ended."""
    until: datetime | None
    """When its files, or the job itself, are to be deleted; None for never."""


class Remains(NamedTuple):
    """What there is of a job besides its status."""

    uid: str
    generation: int
    child_jobs: tuple[ChildJob, ...]
    pods: tuple[Pod, ...]
    claim: Claim | None


def rest(status: Document, remains: Remains, now: datetime) -> Rest | None:
    """None where a decision may have something to do. `status` is JSON that anybody's release may have written."""
    try:
        return _rest(status, remains, now)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _rest(status: Any, remains: Remains, now: datetime) -> Rest | None:
    conditions: dict[str, Any] = {each["type"]: each for each in status.get("conditions", [])}
    true = {name for name, condition in conditions.items() if condition["status"] == "True"}
    if not true >= {ConditionType.ACCEPTED, ConditionType.FINISHED} or "completionTime" not in status:
        return None  # one that was cancelled before it was accepted may still be
    succeeded = conditions[ConditionType.SUCCEEDED]
    if (status["observedGeneration"], status["shortId"]) != (remains.generation, short_id(remains.uid)):
        return None
    if cast(Document, status.get("cancellation") or {}).get("state") == CancellationState.REQUESTED:
        return None
    if not all(_is_delivered(each) for each in status.get("notifications", [])):
        return None
    profile = cast(Document, cast(Document, status.get("profile") or {}).get("spec") or {})
    variables = cast(Document, profile.get("environment") or {})
    if any(variables.values()):
        return None  # values that earlier releases have kept
    kept = cast(Document, status.get("retention") or {})
    if not _is_in_order(status, kept, remains):
        return None
    moments = [parse_time(kept[name]) for name in _EXPIRIES if name in kept]
    until = min((moment for moment in moments if moment is not None), default=None)
    return None if until is not None and until <= now else Rest(succeeded, until)


def _is_delivered(message: Document) -> bool:
    return message["state"] != DeliveryState.PENDING and bool(message.get("receiver"))


def _is_in_order(status: Any, kept: Any, remains: Remains) -> bool:
    """Whether nothing works, and all that is there is what the job has left on purpose."""
    if not all(pod.finished for pod in remains.pods):
        return False
    wanted = {(run["resourceClass"], run["digest"][:LABEL_LENGTH]) for run in status.get("runs", [])}
    return _are_wanted(remains.child_jobs, wanted) and _is_kept(remains, status, kept)


def _are_wanted(child_jobs: Iterable[ChildJob], wanted: set[tuple[str, str]]) -> bool:
    return all(child.finished and (child.resource_class, child.digest) in wanted for child in child_jobs)


def _is_kept(remains: Remains, status: Any, kept: Any) -> bool:
    claim = remains.claim
    if claim is None:
        return True
    useless = "workspaceRemovedTime" in kept or claim.uid == status.get("abandonedWorkspace")
    return claim.parent_uid == remains.uid and not (useless or claim.deleting or claim.phase == "Lost")
