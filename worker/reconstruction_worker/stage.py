"""The contract of a stage: a function from files to files.

A stage is declared in `reconstruction_api.stage_table`. Its module is `reconstruction_worker.stages.<name>` and has one
public function `run(context) -> StageOutput`, and as `DOCUMENT` the model of the document that it leaves. It runs in a
process of its own: memory is returned by its exit, and a crash in native code is an error code. It reads the folders of
the stages it needs, writes only into `context.folder` (empty at the start unless it resumes), and raises
`ReconstructionError` for everything a user can act on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import Field

from reconstruction_api.base import ApiModel
from reconstruction_api.destination import Destination
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Progress, Publishing, SourceLimits

from .network.guard import Guard


class Delivery(ApiModel):
    """Whose results are published, and what is said of that beside the spec."""

    namespace: str
    name: str
    uid: str = ""
    """Empty where the job is run without a cluster."""
    publishing: Publishing = Field(default_factory=Publishing)
    folder: str | None = None
    """Where the destination's claim is mounted, or the folder is that a local run has in its place."""
    earlier: Destination | None = None
    """Where the results are that stages without a workspace build on, if not at the job's destination."""
    earlier_folder: str | None = None
    """The same of it."""


class Report(Protocol):
    """Sends a live update; cheap, may be called for every step (updates are thinned out on the way)."""

    def __call__(self, progress: Progress, /) -> None: ...


def folder_of(workspace: Path, stage: StageName) -> Path:
    """Where a stage's files are; what the last stage writes is what the job delivers."""
    return workspace / ("artifacts" if stage is StageName.REPORT else stage.value)


@dataclass(frozen=True)
class StageContext:
    """Everything a stage may use."""

    name: StageName
    workspace: Path
    """Root of the workspace; other stages' results are in `workspace/<stage>/`."""
    spec: ReconstructionJobSpec
    report: Report
    stop_requested: Callable[[], bool]
    """True once the process was asked to stop (SIGTERM): finish the step, save, and raise `Stopped`. Until a stage asks
    for the first time, a stop ends its process at once: ask only when there may be something to save, then often."""
    source: Path | None = None
    """Where the photos are when they are already on this machine (a mounted claim, a local folder or archive)."""
    added: Path | None = None
    """Where the photos are that spec.source.jobRef.addPhotos adds, when they are already on this machine."""
    camera_path: Path | None = None
    """Folder with the file that spec.turntable.pathFile names."""
    job_name: str = "reconstruction"
    """Name of the job, for people; no result may depend on it."""
    limits: SourceLimits = field(default_factory=SourceLimits)
    """What the profile allows a source to hold; can refuse photos, never change a result."""
    accepted_versions: tuple[int, ...] = ()
    """Versions of this stage's code whose results may be taken over from another job."""
    needs: tuple[StageName, ...] = ()
    """Stages on whose results this one's depends, as the job was planned: an earlier release may have planned fewer."""
    guard: Guard | None = None
    """In a worker pod, what every connection goes through; None in a local run, and in stages that need no network."""
    credentials: Path | None = None
    """Folder with the credentials of spec.source.secretName, or of spec.destination.secretName for the stage that
    publishes; None where the environment has them, as in local runs."""
    delivery: Delivery | None = None
    """For the stage that publishes."""

    @property
    def folder(self) -> Path:
        """Where this stage writes."""
        return folder_of(self.workspace, self.name)

    def of(self, stage: StageName) -> Path:
        """The folder of another stage's result."""
        return folder_of(self.workspace, stage)

    def report_progress(self, percent: float, message: str) -> None:
        """Say how far the stage is and what it does."""
        self.report(Progress(stage=self.name, percent=percent, message=message))

    def advance(self, percent: float, message: str) -> None:
        """`report_progress`, between two steps of work. Raises Stopped when the process was asked to stop."""
        if self.stop_requested():
            raise Stopped
        self.report_progress(percent, message)


@dataclass(frozen=True)
class StageOutput:
    """What a stage has to say besides its files."""

    message: str
    """One line for people: `38 of 40 photos registered`."""
    metrics: dict[str, str | int] = field(default_factory=dict)
    """Numbers for status.metrics; decimals as text."""


class Stopped(Exception):  # noqa: N818 - not an error
    """A stage saved what it had and ended early because it was asked to; it can be resumed."""
