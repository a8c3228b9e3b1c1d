"""Parts of the spec and of the status that say when a job stops and what becomes of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Final

from pydantic import Field, create_model
from pydantic.alias_generators import to_snake

from .base import ApiModel, Timestamp
from .names import REMOVAL
from .rules import Rule
from .stage_table import STAGES


class Cancellation(StrEnum):
    REQUESTED = "Requested"
    CONFIRMED = "Confirmed"


class PauseStage(StrEnum):
    """Stages that a job can pause after."""

    _ignore_ = ["stage"]
    for stage in STAGES:
        if stage.can_pause_after:
            vars()[stage.name.name] = stage.name.in_spec


class EndStage(StrEnum):
    """Stages whose result is worth a job of its own."""

    _ignore_ = ["stage"]
    for stage in STAGES:
        if stage.can_end_job:
            vars()[stage.name.name] = stage.name.in_spec


_COUNTS: Final[dict[str, Any]] = {
    stage.name.value: (int, Field(default=0, ge=0, le=1_000_000, description=f"Raise it to {stage.redo}."))
    for stage in STAGES
    if stage.redo
}
_Counts = create_model("_Counts", __base__=ApiModel, **_COUNTS)


class Redo(_Counts):
    """How often each stage was asked for again. A raised number runs its stage, and all that build on it, once more."""


MAX_RETENTION_SECONDS: Final = 315_360_000
"""Ten years."""


def _outlives(field: str, why: str) -> Rule:
    """A job is not deleted before what `field` keeps."""

    def holds(retention: Retention) -> bool:
        kept: int | None = getattr(retention, to_snake(field))
        return retention.job_seconds is None or kept is None or retention.job_seconds >= kept

    return Rule(
        f"jobSeconds must not be shorter than {field}: {why}",
        cel=f"!has(self.jobSeconds) || !has(self.{field}) || self.jobSeconds >= self.{field}",
        holds=holds,
        field="jobSeconds",
    )


class Removal(StrEnum):
    """What of an ended job a pod removes when its time is over. The value is that of the label of the pod's Job."""

    PUBLISHED = REMOVAL
    """What is at the destination."""
    CHECKPOINTS = "checkpoints"
    """Those of the training, in the workspace."""
    ARTIFACTS = "artifacts"
    """The delivered files in the workspace."""


class Retention(ApiModel):
    """What becomes of an ended job, whether it succeeded or not."""

    rules: ClassVar = (
        _outlives("workspaceSeconds", "a job is deleted with its workspace"),
        _outlives("publishedSeconds", "a pod of the job removes what it has published"),
        _outlives("checkpointSeconds", "a job is deleted with its workspace"),
        _outlives("artifactSeconds", "a job is deleted with its workspace"),
    )

    workspace_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """The workspace claim, with photos, checkpoints and artifacts, is deleted this long after the end; never when
    unset."""
    checkpoint_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """The training's checkpoints, the trained model among them, are removed from the workspace this long after the end,
    by a pod; with the workspace when unset. Meshes can be exported in other formats all the same; a change that needs
    the trained model trains again."""
    artifact_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """The files that the job delivers (exports, turntable, report, bundle) are removed from the workspace this long
    after the end, by a pod; with the workspace when unset. What is at `spec.destination` stays."""
    published_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """What the job has published to `spec.destination` is removed this long after the end, by a pod; never when unset.
    Deleting the job does not remove it."""
    job_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """The job itself is deleted this long after the end, with all that belongs to it; never when unset."""


class RetentionStatus(ApiModel):
    """When an ended job's files, and the job itself, go or went."""

    workspace_expiry_time: Timestamp | None = None
    """When the workspace claim will be deleted."""
    workspace_removed_time: Timestamp | None = None
    """When the workspace claim was deleted. A change of the spec that needs it starts the job over, from the photos."""
    checkpoints_expiry_time: Timestamp | None = None
    """Since when, or from when on, the training's checkpoints are to be removed; absent once they are."""
    checkpoints_removed_time: Timestamp | None = None
    """When they were removed. A change of the spec that needs the trained model trains it again."""
    artifacts_expiry_time: Timestamp | None = None
    """Since when, or from when on, the delivered files in the workspace are to be removed; absent once they are."""
    artifacts_removed_time: Timestamp | None = None
    """When they were removed."""
    published_expiry_time: Timestamp | None = None
    """Since when, or from when on, what was published is to be removed; absent once it is."""
    published_removed_time: Timestamp | None = None
    """When what was published was removed."""
    job_expiry_time: Timestamp | None = None
    """When the job itself will be deleted."""

    def expiry_of(self, what: Removal) -> str | None:
        """When it is to be removed."""
        return {
            Removal.PUBLISHED: self.published_expiry_time,
            Removal.CHECKPOINTS: self.checkpoints_expiry_time,
            Removal.ARTIFACTS: self.artifacts_expiry_time,
        }[what]

    def removal_of(self, what: Removal) -> str | None:
        """When it was removed."""
        return {
            Removal.PUBLISHED: self.published_removed_time,
            Removal.CHECKPOINTS: self.checkpoints_removed_time,
            Removal.ARTIFACTS: self.artifacts_removed_time,
        }[what]


class CancellationState(StrEnum):
    REQUESTED = "Requested"
    CONFIRMED = "Confirmed"
    LAPSED = "Lapsed"
    NOT_REQUESTED = "NotRequested"
    TOO_LATE = "TooLate"


class CancellationStatus(ApiModel):
    """What the operator made of spec.cancellation."""

    state: CancellationState
    """`Requested`: may be confirmed until `confirmBefore`. `Confirmed`: the job is cancelled for good. `Lapsed`: not
    confirmed in time. `NotRequested`: confirmed without a request. `TooLate`: the job had ended by itself. To ask again
    after one of the last three, clear spec.cancellation, wait until this field is gone, and set `Requested`."""
    requested_time: Timestamp | None = None
    """When the operator noted the request."""
    confirm_before: Timestamp | None = None
    """The request lapses at this time."""
    confirmed_time: Timestamp | None = None
    """When the operator noted the confirmation and stopped the job."""


_WISH = "self.spec.cancellation"
_KNOWN = "has(oldSelf.status) && has(oldSelf.status.cancellation)"

CANCELLATION_RULES = (
    Rule(
        "CancelNotRequested: spec.cancellation must be Requested before it is Confirmed",
        cel=f"!has({_WISH}) || {_WISH} != 'Confirmed' || "
        "(has(self.status) && (has(self.status.cancellation) || has(self.status.completionTime)))",
    ),
    Rule(
        "CancelNotRequested: spec.cancellation can become Confirmed only while status.cancellation.state is Requested, "
        "within an hour of the request; clear the field and set it to Requested first",
        cel=f"!has({_WISH}) || {_WISH} != 'Confirmed' || "
        "(has(oldSelf.spec.cancellation) && oldSelf.spec.cancellation == 'Confirmed') || "
        f"({_KNOWN} && oldSelf.status.cancellation.state == 'Requested') || "
        "(has(oldSelf.status) && has(oldSelf.status.completionTime))",
    ),
    Rule(
        "AlreadyTerminal: spec.cancellation comes too late, the job has ended",
        cel=f"!has({_WISH}) || (has(oldSelf.spec.cancellation) && oldSelf.spec.cancellation == {_WISH}) || "
        "!has(oldSelf.status) || !has(oldSelf.status.completionTime)",
    ),
    Rule(
        "AlreadyTerminal: spec.cancellation can't be taken back, the job is cancelled for good; create another job",
        cel=f"!({_KNOWN} && oldSelf.status.cancellation.state == 'Confirmed') || "
        f"(has({_WISH}) && {_WISH} == 'Confirmed')",
    ),
)
"""Over the whole object: what may be asked depends on what the operator has written into the status."""


_CHOSEN = "has(oldSelf.status) && has(oldSelf.status.engine)"

ENGINE_RULES = (
    Rule(
        "SpecImmutable: spec.engine can't change after creation; create another job with the other engine. Only the "
        "one in status.engine can be named, or left out again, later",
        cel=f"has(self.spec.engine) == has(oldSelf.spec.engine) || ({_CHOSEN} && oldSelf.status.engine == "
        "(has(self.spec.engine) ? self.spec.engine : oldSelf.spec.engine))",
    ),
)
"""Over the whole object, too: an unset engine stands for the one that was chosen when the job was accepted."""
