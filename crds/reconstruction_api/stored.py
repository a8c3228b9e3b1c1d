"""Reads a status that another release may have written, or a person: what does not matter is skipped where it can't be
understood; the operator's memory is never guessed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import ValidationError

from . import lenient
from .status import UNKNOWN_REASON, ConditionType, ReconstructionJobStatus, is_reason
from .text import one_line

MEMORY: Final = (
    "runs",
    "cancellation",
    "profile",
    "profileRevision",
    "retention",
    "failure",
    "observedGeneration",
    "specDigest",
    "plan",
    "defaults",
    "engine",
    "admissionTime",
    "yieldTime",
    "completionTime",
    "workspaceClaim",
    "abandonedWorkspace",
    "fromDestination",
)
"""Fields that decide what happens next, those first that say most when they can't be understood. The others are for
people, and are made again by the next decision."""

_ACCEPTED: Final = ConditionType.ACCEPTED.value


@dataclass(frozen=True, slots=True)
class StoredStatus:
    """A status as far as it can be understood."""

    status: ReconstructionJobStatus
    problem: str = ""
    """What of the memory can't be understood, by its field; empty where all of it can."""


def read_status(document: Any) -> StoredStatus:
    """Never raises."""
    document = _with_reasons(document)
    try:
        status, left_out = lenient.read(ReconstructionJobStatus, document)
    except ValidationError:
        return StoredStatus(ReconstructionJobStatus(), "status: not an object")
    lost = [each for each in left_out if each.path[0] in MEMORY]
    if lost:
        first = min(lost, key=lambda each: MEMORY.index(str(each.path[0])))
        return StoredStatus(status, one_line(f"status.{first}", 300))
    if _ACCEPTED in _types(document) and not any(each.type == _ACCEPTED for each in status.conditions):
        return StoredStatus(status, f"status.conditions: {_ACCEPTED} can't be read")
    return StoredStatus(status)


def _with_reasons(document: Any) -> Any:
    """A condition counts by its status: one whose reason is no word keeps it."""
    conditions = _conditions(document)
    if not conditions:
        return document
    return document | {"conditions": [_with_reason(each) for each in conditions]}


def _with_reason(condition: Any) -> Any:
    if not isinstance(condition, dict):
        return condition
    fields = cast(dict[str, Any], condition)
    return fields if is_reason(fields.get("reason")) else fields | {"reason": UNKNOWN_REASON}


def _types(document: Any) -> list[Any]:
    return [cast(dict[str, Any], each).get("type") for each in _conditions(document) if isinstance(each, dict)]


def _conditions(document: Any) -> list[Any]:
    found = cast(dict[str, Any], document).get("conditions") if isinstance(document, dict) else None
    return cast(list[Any], found) if isinstance(found, list) else []
