"""What the operator hands to a worker pod, and what comes back: live updates over HTTP, the final word in the pod's
termination message (so that nothing depends on an update having arrived)."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from pydantic import Field

from .base import ApiModel
from .errors import ReconstructionError
from .job import ReconstructionJobSpec
from .stages import ResourceClass, StageName

TERMINATION_MESSAGE_LIMIT = 4096
"""Bytes that Kubernetes keeps of a container's termination message."""


class WorkerJob(ApiModel):
    """What a worker is asked to do; travels as JSON in the pod's environment."""

    namespace: str
    name: str
    uid: str
    attempt: int
    resource_class: ResourceClass
    spec: ReconstructionJobSpec


class Failure(ApiModel):
    """Why something failed, and what to do next."""

    code: str
    """Code of the catalogue (`recon explain CODE`)."""
    category: str
    """Validation, State, Model or Resource."""
    message: str
    """What happened, naming the file or field."""
    suggestion: str
    """What to do next."""
    retryable: bool
    """Whether the same spec may succeed later."""
    stage: str | None = None
    """Stage in which it happened."""
    details: dict[str, Any] = Field(default_factory=dict)
    """Numbers and names behind the message."""

    @classmethod
    def from_error(cls, error: ReconstructionError, stage: str | None = None) -> Failure:
        return cls(
            code=error.code,
            category=error.kind.category,
            message=error.message,
            suggestion=error.suggestion,
            retryable=error.kind.retryable,
            stage=stage,
            details=error.details,
        )


class Artifact(ApiModel):
    """A file that the job delivered."""

    name: str
    """File name; stable for a given format."""
    format: str
    """GLB, OBJ, PLY, HTML, JSON, ..."""
    uri: str
    """Where it is: `pvc://CLAIM/artifacts/NAME` or the destination's address."""
    size_bytes: int
    """Size in bytes."""
    sha256: str
    """Checksum of the content."""
    media_type: str
    """IANA media type."""


class StageResult(ApiModel):
    """A stage that has ended well."""

    name: StageName
    digest: str
    """`stage_digests` entry that the result stands for."""
    seconds: float = 0
    """Running time."""
    skipped: bool = False
    """The workspace already held the result."""
    message: str = ""
    """One line for people: `38 of 40 photos registered`."""


class Progress(ApiModel):
    """A live update of a running stage."""

    stage: StageName
    percent: float = 0
    """0-100 of this stage."""
    step: int | None = None
    total_steps: int | None = None
    eta_seconds: float | None = None
    """Until this stage ends."""
    loss: float | None = None
    psnr: float | None = None
    """Of the training batch, in decibels."""
    rays_per_second: float | None = None
    gpu_memory_bytes: int | None = None
    memory_bytes: int | None = None
    """Resident memory of the stage's process."""
    message: str = ""


class ProgressUpdate(ApiModel):
    """Body of POST /v1/progress."""

    namespace: str
    name: str
    uid: str
    attempt: int
    resource_class: ResourceClass
    sequence: int
    """Grows with each update of a pod; an older one is ignored."""
    progress: Progress | None = None
    stages: list[StageResult] = Field(default_factory=list[StageResult])
    """All stages that have ended well in this pod so far."""
    metrics: dict[str, str | int] = Field(default_factory=dict)


class PodReport(ApiModel):
    """A pod's final word."""

    stages: list[StageResult] = Field(default_factory=list[StageResult])
    metrics: dict[str, str | int] = Field(default_factory=dict)
    """Numbers for status.metrics; decimals as text."""
    artifacts: list[Artifact] = Field(default_factory=list[Artifact])
    failure: Failure | None = None

    def to_termination_message(self) -> str:
        """JSON, compressed when it would not fit; a failure's details are dropped before anything else."""
        for report in (self, self._without_details()):
            text = report.model_dump_json(by_alias=True, exclude_none=True)
            if len(text.encode()) <= TERMINATION_MESSAGE_LIMIT:
                return text
            packed = "z:" + base64.b85encode(zlib.compress(text.encode(), 9)).decode()
            if len(packed) <= TERMINATION_MESSAGE_LIMIT:
                return packed
        return PodReport(stages=self.stages, failure=self._without_details().failure).model_dump_json(
            by_alias=True, exclude_none=True
        )[:TERMINATION_MESSAGE_LIMIT]

    @classmethod
    def from_termination_message(cls, text: str) -> PodReport | None:
        """None when the text is not a report (the container died before it could write one)."""
        try:
            if text.startswith("z:"):
                text = zlib.decompress(base64.b85decode(text[2:])).decode()
            return cls.model_validate(json.loads(text))
        except (ValueError, zlib.error):
            return None

    def _without_details(self) -> PodReport:
        if self.failure is None:
            return self
        short = self.failure.model_copy(update={"details": {}, "message": self.failure.message[:1000]})
        return self.model_copy(update={"failure": short})
