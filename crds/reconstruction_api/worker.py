"""What the operator hands to a worker pod, and what comes back: live updates over HTTP, the final word in the pod's
termination message (so that nothing depends on an update having arrived)."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, cast

from pydantic import Field

from . import lenient, reported, untrusted
from . import metric_limits as metrics
from .base import ApiModel, Count
from .destination import Destination, WhoOverwrites
from .errors import ReconstructionError
from .job import ReconstructionJobSpec
from .stages import ResourceClass, StageName
from .text import MESSAGE_LIMIT, Message, Note, Word, one_line

TERMINATION_MESSAGE_LIMIT = 4096
"""Bytes that Kubernetes keeps of a container's termination message."""


NOT_LISTED = "artifactsNotListed"
"""Metric: how many artifacts did not fit into the termination message; they are in the workspace all the same."""

_PACKED = "z:"  # marks a compressed message; JSON never begins so


class SourceLimits(ApiModel):
    """What the profile allows a source to hold; what is unset is as the worker thinks best."""

    max_images: int | None = None
    """Most usable photos."""
    max_file_bytes: int | None = None
    """A larger photo is left out."""
    max_set_bytes: int | None = None
    """A larger set is refused."""


class NetworkAccess(ApiModel):
    """What the profile lets a worker pod connect to, and as whom."""

    allow: list[str] = Field(default_factory=list[str])
    """Private networks, names and domains that storage may be at; public addresses only when empty."""
    service_account: bool = False
    """Whether the profile names a service account, whose own identity in the cloud may be used."""


class Publishing(ApiModel):
    """What the profile says of results that are published."""

    overwrite: WhoOverwrites = WhoOverwrites.NAME
    """Whose `latest.json` the job may replace."""
    hosts: list[str] = Field(default_factory=list[str])
    """Hosts that results may be sent to; any when empty."""


class WorkerJob(ApiModel):
    """What a worker is asked to do; travels as JSON in the pod's environment."""

    namespace: str
    """Namespace of the ReconstructionJob."""
    name: str
    """Name of the ReconstructionJob."""
    uid: str
    """metadata.uid of the ReconstructionJob; a later one of the same name is another job."""
    attempt: int
    """Number of this attempt of the resource class, from 1."""
    resource_class: ResourceClass
    """Stages to run."""
    spec: ReconstructionJobSpec
    """What is wanted, as accepted by the operator."""
    limits: SourceLimits = Field(default_factory=SourceLimits)
    """What the profile allows."""
    accepted_licenses: list[str] | None = None
    """Licences of engines that may be used; any when None."""
    network: NetworkAccess = Field(default_factory=NetworkAccess)
    """What the pod may connect to."""
    publishing: Publishing = Field(default_factory=Publishing)
    """Where results may go, and what they may replace."""
    earlier_destination: Destination | None = None
    """Where the results are that a pod without a workspace builds on, if not at spec.destination."""


class Failure(ApiModel):
    """Why something failed, and what to do next."""

    code: Word
    """Code of the catalogue (`recon explain CODE`)."""
    category: Word
    """Validation, State, Model or Resource."""
    message: Message
    """What happened, naming the file or field."""
    suggestion: Message
    """What to do next."""
    retryable: bool
    """Whether the same spec may succeed later."""
    stage: Word | None = None
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
            details=_plain(error.details),
        )

    def shortened(self, characters: int) -> Failure:
        """Without details, and with no text longer than so many characters."""
        return Failure(
            code=self.code[:64],
            category=self.category[:64],
            message=one_line(self.message, characters),
            suggestion=one_line(self.suggestion, characters),
            retryable=self.retryable,
            stage=self.stage and self.stage[:64],
        )


def _plain(value: Any) -> Any:
    """What a Kubernetes object can hold: decimals as text, texts in one line."""
    if isinstance(value, dict):
        return {str(_plain(name)): _plain(member) for name, member in cast(dict[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in cast(list[Any], value)]
    if value is None or isinstance(value, bool | int):
        return value
    return one_line(str(value), MESSAGE_LIMIT)


class Artifact(ApiModel):
    """A file that the job delivered."""

    name: Word
    """File name; stable for a given format."""
    format: Word
    """GLB, OBJ, PLY, HTML, JSON, ..."""
    uri: Message
    """Where it is: `pvc://CLAIM/artifacts/NAME` or the destination's address."""
    size_bytes: Count
    """Size in bytes."""
    sha256: Word
    """Checksum of the content."""
    media_type: Word
    """IANA media type."""


class Checkpoint(ApiModel):
    """A state of the training that it can be resumed from."""

    name: Word
    """Path in the workspace: `train/checkpoints/step-001000.ckpt`."""
    step: Count
    """Optimisation steps done."""
    size_bytes: Count
    """Size in bytes."""
    sha256: Word
    """Checksum of the content."""


class StageResult(ApiModel):
    """A stage that has completed."""

    name: StageName
    """Stage that has ended."""
    digest: Word
    """`stage_digests` entry that the result stands for."""
    seconds: float = 0
    """Running time in seconds."""
    skipped: bool = False
    """The workspace already held the result."""
    message: Note = ""
    """One line for people: `38 of 40 photos registered`."""


class Trend(StrEnum):
    """Whether training still gains something."""

    IMPROVING = "Improving"
    LEVELLED_OFF = "LevelledOff"


class Progress(ApiModel):
    """A live update of a running stage."""

    stage: StageName
    """Stage that runs."""
    percent: float = 0
    """0-100 of this stage."""
    step: Count | None = None
    """Optimisation steps done."""
    total_steps: Count | None = None
    """Optimisation steps in all."""
    eta_seconds: float | None = None
    """Seconds until this stage ends."""
    loss: float | None = None
    """Loss of the latest step."""
    psnr: float | None = None
    """Of the training batch, in decibels."""
    held_out_psnr: float | None = None
    """Of a few thousand pixels of the held-out views, in decibels."""
    held_out_ssim: float | None = None
    """Structural similarity of the same pictures."""
    held_out_lpips: float | None = None
    """Perceptual distance of the same pictures, where its weights are there."""
    trend: Trend | None = None
    """Whether the held-out views still become better; None before the first look at them."""
    steps_per_second: float | None = None
    """Optimisation steps each second."""
    rays_per_second: float | None = None
    """Camera rays trained on each second."""
    gpu_memory_bytes: Count | None = None
    """GPU memory in use."""
    gpu_percent: float | None = None
    """Share of time in which the GPU was at work."""
    memory_bytes: Count | None = None
    """Resident memory of the stage's process."""
    cpu_percent: float | None = None
    """Processor time of the stage's process; 100 is one core."""
    disk_free_bytes: Count | None = None
    """Left in the workspace."""
    message: Note = ""
    """What the stage is doing, for people."""


class ProgressUpdate(ApiModel):
    """Body of POST /v1/progress."""

    namespace: str
    """Namespace of the ReconstructionJob."""
    name: str
    """Name of the ReconstructionJob."""
    uid: str
    """metadata.uid of the ReconstructionJob."""
    attempt: Count
    """Attempt that the pod was started for."""
    resource_class: ResourceClass
    """Class of stages that the pod runs."""
    sequence: Count
    """Grows with each update of an attempt, over all its pods; an older one is ignored."""
    progress: Progress | None = None
    """The running stage."""
    stages: list[StageResult] = Field(default_factory=list[StageResult])
    """All stages that have completed in this pod so far."""
    metrics: dict[str, str | int] = Field(default_factory=dict)
    """Numbers for status.metrics so far; decimals as text."""
    checkpoints: list[Checkpoint] | None = None
    """The latest checkpoints in the workspace; None from a pod that does not train."""

    @classmethod
    def parse(cls, body: bytes) -> ProgressUpdate:
        """From a worker that may be anybody's program: what can't be understood or does not fit is left out. Raises
        ValueError where that leaves no update."""
        update, _ = lenient.read(cls, _readable(untrusted.parsed(body)))
        return update.model_copy(
            update={
                "stages": reported.stages(update.stages),
                "checkpoints": reported.checkpoints(update.checkpoints),
            }
        )


class PodReport(ApiModel):
    """A pod's final word."""

    stages: list[StageResult] = Field(default_factory=list[StageResult])
    """Stages that have completed in this pod."""
    metrics: dict[str, str | int] = Field(default_factory=dict)
    """Numbers for status.metrics; decimals as text."""
    artifacts: list[Artifact] = Field(default_factory=list[Artifact])
    """Files that were delivered."""
    checkpoints: list[Checkpoint] | None = None
    """The latest checkpoints in the workspace; None from a pod that does not train."""
    failure: Failure | None = None
    """Why the pod ended early, if it did."""
    paused_after: StageName | None = None
    """The pod ended before its last stage, because spec.pauseAfter names this one."""

    def to_termination_message(self) -> str:
        """JSON of at most TERMINATION_MESSAGE_LIMIT bytes: compressed where it would not fit, and without what matters
        least where even that is too long."""
        for report in self._shorter_and_shorter():
            text = report.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)
            if len(text.encode()) <= TERMINATION_MESSAGE_LIMIT:
                return text
            packed = _PACKED + base64.b85encode(zlib.compress(text.encode(), 9)).decode()
            if len(packed) <= TERMINATION_MESSAGE_LIMIT:
                return packed
        return "{}"

    @classmethod
    def from_termination_message(cls, text: str) -> PodReport | None:
        """None when the text is not a report (the container died before it could write one).

        The worker may be newer, or anybody's program: what can't be understood or does not fit is left out.
        """
        try:
            packed = text.startswith(_PACKED)
            content = untrusted.inflated(base64.b85decode(text.removeprefix(_PACKED))) if packed else text
            report, left_out = lenient.read(cls, _readable(untrusted.parsed(content)))
        except ValueError:
            return None
        if report == PodReport() and any(len(each.path) == 1 for each in left_out):
            return None
        return report.model_copy(
            update={
                "stages": reported.stages(report.stages),
                "artifacts": reported.artifacts(report.artifacts),
                "checkpoints": reported.checkpoints(report.checkpoints),
                "failure": reported.failure(report.failure),
            }
        )

    def _shorter_and_shorter(self) -> Iterator[PodReport]:
        """This report, then what is left when details, the stages' messages, checkpoints, artifacts from the last on,
        and stages are given up."""
        yield self
        report = self.model_copy(update={"failure": self.failure and self.failure.shortened(1000)})
        yield report
        report = report.model_copy(
            update={"stages": [stage.model_copy(update={"message": ""}) for stage in self.stages]}
        )
        yield report
        report = report.model_copy(update={"checkpoints": None})
        yield report
        for tenths in range(9, -1, -1):
            kept = len(self.artifacts) * tenths // 10
            left_out = {NOT_LISTED: len(self.artifacts) - kept}
            yield report.model_copy(update={"artifacts": self.artifacts[:kept], "metrics": self.metrics | left_out})
        yield report.model_copy(update={"artifacts": list[Artifact](), "metrics": dict[str, str | int]()})
        yield PodReport(failure=self.failure and self.failure.shortened(200), paused_after=self.paused_after)


def _readable(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its metrics cleaned one by one, as what is wrong with one says nothing of the others; and with
    a failure that lacks nothing but what the catalogue knows."""
    numbers, failure = document.get("metrics"), document.get("failure")
    document = document | {"metrics": metrics.clean(cast(dict[str, Any], numbers) if isinstance(numbers, dict) else {})}
    if isinstance(failure, dict):
        fields = {"message": "", "suggestion": ""} | cast(dict[str, Any], failure)
        texts = {name: value if isinstance(value, str) else "" for name, value in fields.items()}
        known: dict[str, Any] = {"category": "", "retryable": False, "details": fields.get("details") or {}}
        document = document | {"failure": texts | known}
    return document
