"""Why a job is to be looked at: what is urgent must not wait behind what is much."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from .model import ChildJob, Claim, Pod

if TYPE_CHECKING:
    from .stored_job import StoredJob

Document = dict[str, Any]


class Cause(IntEnum):
    """The most urgent first."""

    CHANGED = 0
    """People changed or deleted the job, or something that worked for it has ended or is gone."""
    STARTING = 1
    """The job is new, or what it waited for is there: its turn, the job it builds on."""
    OBSERVED = 2
    """Something of it changes: its pod starts, its worker reports."""
    ROUTINE = 3
    """Nothing is known to have happened: its time has come, or all jobs are looked at again."""


def cause_of_job(before: StoredJob | None, document: Document) -> Cause:
    """What a ReconstructionJob shows that was last seen as `before`."""
    metadata, status = document["metadata"], document.get("status") or {}
    generation = metadata.get("generation", 0)
    if before is None or before.uid != metadata["uid"]:
        answered = status.get("observedGeneration")
        if answered is None:
            return Cause.STARTING
        if answered != generation:
            return Cause.CHANGED
        return Cause.ROUTINE if status.get("completionTime") else Cause.STARTING
    if before.generation != generation or before.deleting != ("deletionTimestamp" in metadata):
        return Cause.CHANGED
    return Cause.OBSERVED


def cause_of_child(view: ChildJob | Pod | Claim) -> Cause:
    """What an object shows that works for a ReconstructionJob."""
    if isinstance(view, Pod):
        return Cause.CHANGED if view.finished or view.container.ended is not None else Cause.OBSERVED
    return Cause.CHANGED if isinstance(view, ChildJob) and view.finished else Cause.OBSERVED
