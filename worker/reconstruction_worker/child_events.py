"""What passes between the executor and a stage's process: one request in, events out, each a line of JSON."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from reconstruction_api.base import ApiModel
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_api.worker import NetworkAccess, Progress, SourceLimits

from .stage import Delivery, StageOutput


class StageRequest(ApiModel):
    """What a stage's process is asked to do."""

    module: str
    """Module that has `run(context)`."""
    stage: StageName
    workspace: str
    spec: ReconstructionJobSpec
    source: str | None = None
    added: str | None = None
    camera_path: str | None = None
    job_name: str = "reconstruction"
    limits: SourceLimits = Field(default_factory=SourceLimits)
    accepted_versions: tuple[int, ...] = ()
    needs: tuple[StageName, ...] = ()
    credentials: str | None = None
    """Folder with the credentials of a Secret; only for the stages that fetch and publish."""
    delivery: Delivery | None = None
    """Only for the stage that publishes."""
    network: NetworkAccess | None = None
    """What a worker pod's profile lets the stage connect to; None where nothing guards it, in a local run."""


class ProgressEvent(ApiModel):
    type: Literal["progress"] = "progress"
    progress: Progress


class OutputEvent(ApiModel):
    """The stage has completed."""

    type: Literal["output"] = "output"
    message: str
    metrics: dict[str, str | int]
    peak_memory_bytes: int


class ErrorEvent(ApiModel):
    """The stage has failed."""

    type: Literal["error"] = "error"
    code: str
    message: str
    suggestion: str
    details: dict[str, Any]

    def to_error(self) -> ReconstructionError:
        return ReconstructionError(self.code, self.message, suggestion=self.suggestion, details=self.details)


class StoppedEvent(ApiModel):
    """The stage saved what it had because it was asked to stop."""

    type: Literal["stopped"] = "stopped"


Event = Annotated[ProgressEvent | OutputEvent | ErrorEvent | StoppedEvent, Field(discriminator="type")]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)

PROGRESS_INTERVAL_SECONDS = 0.2


class EventWriter:
    """Sends a stage's events. Progress is thinned out; the other events are sent at once and end the stream.

    `redact` takes out of an event, as JSON data, what must not be shown: from here it goes to status, logs and reports.
    """

    def __init__(self, descriptor: int, redact: Callable[[Any], Any] = lambda data: data):
        self._descriptor = descriptor
        self._redact = redact
        self._last_progress = float("-inf")

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last_progress >= PROGRESS_INTERVAL_SECONDS or progress.percent >= 100:
            self._last_progress = now
            self._send(ProgressEvent(progress=progress))

    def output(self, output: StageOutput, peak_memory_bytes: int) -> None:
        self._send(OutputEvent(message=output.message, metrics=output.metrics, peak_memory_bytes=peak_memory_bytes))

    def error(self, error: ReconstructionError) -> None:
        details = json.loads(json.dumps(error.details, default=str))
        self._send(ErrorEvent(code=error.code, message=error.message, suggestion=error.suggestion, details=details))

    def stopped(self) -> None:
        self._send(StoppedEvent())

    def _send(self, event: ApiModel) -> None:
        # By way of pydantic's JSON, which has null for numbers that are not finite.
        shown = self._redact(json.loads(event.model_dump_json(by_alias=True, exclude_none=True)))
        data = json.dumps(shown).encode() + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]
