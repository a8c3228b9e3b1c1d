"""`ReconstructionJob.status`: everything a person or a GitOps tool wants to know about a job."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from .base import ApiModel, DecimalString, Timestamp
from .deliveries import Delivery
from .destination import Destination
from .lifecycle import CancellationStatus, RetentionStatus
from .plan import JobPlan
from .rules import ATOMIC, KeyedBy
from .stage_table import ResourceClass, StageName, described_classes, listed
from .text import Message, Note
from .worker import Artifact, Checkpoint, Failure, Trend

REASON: Final = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"


class ConditionType(StrEnum):
    ACCEPTED = "Accepted"
    ADMITTED = "Admitted"
    SUSPENDED = "Suspended"
    POSES_ESTIMATED = "PosesEstimated"
    TRAINED = "Trained"
    EXPORTED = "Exported"
    VALIDATED = "Validated"
    SUCCEEDED = "Succeeded"
    FINISHED = "Finished"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    TRAINED_ON_GPU = "TrainedOnGPU"
    CANCELLATION_REQUESTED = "CancellationRequested"


class Condition(ApiModel):
    """One aspect of the job, in the form every Kubernetes tool understands (metav1.Condition)."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    type: str = Field(max_length=316)
    """Aspect: Accepted, Admitted, Suspended, PosesEstimated, Trained, Exported, Validated, Succeeded, Finished,
    Reconciling, Stalled; TrainedOnGPU once the job was trained; and CancellationRequested once there was a request."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: str = Field(max_length=1024, pattern=REASON)
    """CamelCase word for programs; the code of the catalogue where something failed."""
    message: Message = Field(default="", max_length=32768)
    """Sentence for people."""
    last_transition_time: Timestamp
    """When `status` last changed."""
    observed_generation: int | None = None
    """The metadata.generation that this is about."""


UNKNOWN_REASON: Final = "Unknown"
_REASON: Final = re.compile(REASON)


def is_reason(text: object) -> bool:
    """Whether a condition can have it as its reason."""
    return isinstance(text, str) and len(text) <= 1024 and _REASON.fullmatch(text) is not None


class StageState(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class StageStatus(ApiModel):
    """How far one stage is."""

    name: str = Field(description=f"Name of the stage: {listed(StageName)}.")
    state: StageState
    """Pending, Running, Succeeded or Failed."""
    attempt: int | None = None
    """Attempt of the child Job that runs or ran it, from 1."""
    start_time: Timestamp | None = None
    """When the stage began to run."""
    completion_time: Timestamp | None = None
    """When the stage ended."""
    job_name: str | None = None
    """Child Job that runs or ran it."""
    digest: str | None = None
    """Digest of the settings the result stands for."""
    message: Note = ""
    """One line for people: `38 of 40 photos registered`."""


class JobProgress(ApiModel):
    """Live numbers of the running stage."""

    percent: int = 0
    """0-100 of the whole job."""
    stage_percent: int | None = None
    """0-100 of the running stage."""
    step: int | None = None
    """Optimisation steps done."""
    total_steps: int | None = None
    """Optimisation steps in all."""
    eta_seconds: int | None = None
    """Estimated seconds until the running stage ends."""
    loss: DecimalString | None = None
    """Loss of the latest step."""
    psnr: DecimalString | None = None
    """Peak signal-to-noise ratio of the training batch in decibels; held-out views are in `metrics`."""
    held_out_psnr: DecimalString | None = None
    """The same of a few thousand pixels of the held-out views, when they were last looked at."""
    held_out_ssim: DecimalString | None = None
    """Structural similarity of those pictures."""
    held_out_lpips: DecimalString | None = None
    """Perceptual distance of those pictures, where the worker has its weights."""
    trend: Trend | None = None
    """Improving, or LevelledOff once the held-out views have gained nothing in five looks."""
    steps_per_second: DecimalString | None = None
    """Optimisation steps each second."""
    rays_per_second: int | None = None
    """Camera rays trained on each second."""
    gpu_memory_bytes: int | None = None
    """GPU memory in use."""
    gpu_percent: int | None = None
    """Share of time in which the GPU was at work, 0-100."""
    memory_bytes: int | None = None
    """Resident memory of the stage's process."""
    cpu_percent: int | None = None
    """Processor time of the stage's process; 100 is one core."""
    disk_free_bytes: int | None = None
    """Left in the workspace."""
    message: Note = ""
    """What the stage is doing, for people."""
    last_update_time: Timestamp | None = None
    """When the worker last reported."""


class PodTime(ApiModel):
    """When the container of a pod ran."""

    uid: str
    """The pod's metadata.uid."""
    started: Timestamp
    """When it began."""
    ended: Timestamp | None = None
    """When it ended; none while it runs."""
    replaced: bool = False
    """Kubernetes has made another pod in place of this one, which was interrupted."""


class ClassRun(ApiModel):
    """What the operator knows of the child Jobs of one resource class."""

    resource_class: ResourceClass = Field(description=f"{described_classes()}.")
    digest: str
    """Settings that the attempts below are for; another digest starts counting from zero."""
    attempt: int
    """Number of the current or last attempt, from 1."""
    job_name: str
    """Child Job of that attempt."""
    failures: int = 0
    """Attempts that count against retryPolicy.maxAttempts."""
    interruptions: int = 0
    """Pods ended by preemption, eviction or suspension; not counted as failures."""
    evictions: int = 0
    """Pods that were evicted for the memory or disk that they used themselves; from the second on, failures."""
    interruptions_in_vain: int = 0
    """Interruptions in a row without a completed stage or a newer checkpoint in between."""
    source_waits: int = 0
    """How often in a row the volume claim of the source was in use on another node."""
    progress_mark: str = ""
    """How far the class was at the last interruption."""
    completed: bool = False
    """The class has completed for this digest."""
    ended: bool = False
    """The attempt is over, and no other follows until the spec changes."""
    retry_after: Timestamp | None = None
    """The next attempt does not start before this time."""
    seconds: int = 0
    """Running time for spec.activeDeadlineSeconds, without that of the pods below."""
    pods: list[PodTime] = Field(default_factory=list[PodTime])
    """Pods of the current attempt."""
    trouble: Message = ""
    """Why the last attempt ended early, for people."""


class ProfileSnapshot(ApiModel):
    """The profile as it was when the job was accepted; an edited profile never changes a running job."""

    kind: str
    """ReconstructionProfile or ClusterReconstructionProfile."""
    name: str
    """Name of the profile."""
    generation: int
    """Its metadata.generation when the job was accepted."""
    spec: dict[str, Any] = Field(default_factory=dict)
    """Its spec when the job was accepted."""


class ProfileRevision(ApiModel):
    """A profile as it was when the job was accepted, kept in a ControllerRevision."""

    kind: str
    """ReconstructionProfile or ClusterReconstructionProfile."""
    name: str
    """Name of the profile."""
    generation: int
    """Its metadata.generation when the job was accepted."""
    revision: str
    """Name of the ControllerRevision in the job's namespace that holds it."""
    digest: str
    """SHA-256 of what it holds; a revision with other content counts as lost."""


class ReconstructionJobStatus(ApiModel):
    """Where the job stands; written by the operator only."""

    # Conditions can be merged one by one, as everywhere in Kubernetes; each of them, and all the rest, is replaced as a
    # whole, so that the API server need not compare and record who owns each member at every write.

    observed_generation: int | None = None
    """The metadata.generation that this status is about."""
    operator: str | None = None
    """Installation of the operator that acts on the job, as namespace and name of its Lease; others leave it alone."""
    conditions: Annotated[list[Condition], KeyedBy("type")] = Field(default_factory=list[Condition])
    """Aspects of the job. `Finished` becomes True at any end (`kubectl wait --for=condition=Finished`). `Succeeded`
    says how it ended; until then its reason and message say what the job does or waits for."""
    short_id: str | None = None
    """Name of the job that is easy to read out: eight letters and digits without look-alikes, made from metadata.uid.
    `recon` takes it in place of the job's name."""
    engine: str | None = None
    """The method that learns the scene, since the job was accepted for the first time: spec.engine, or what stands for
    it. It never changes. With spec.engines it is the one whose result is the job's, and until that is known the first
    of them."""
    defaults: dict[str, str | int] = Field(default_factory=dict, json_schema_extra=ATOMIC)
    """What the fields stand for that the spec leaves unset, by their path: from the profile's `defaults`, else built
    in. Kept as it was when the job was accepted, until the field is set or the job names another profile."""
    plan: JobPlan | None = Field(default=None, json_schema_extra=ATOMIC)
    """The stages that the job runs. Made when a spec is accepted; a later release of the operator keeps to it."""
    stage: str | None = None
    """Stage that runs now, or the last that ran."""
    progress: JobProgress | None = Field(default=None, json_schema_extra=ATOMIC)
    """Live numbers of the running stage."""
    stages: list[StageStatus] = Field(default_factory=list[StageStatus])
    """Every stage, in running order."""
    runs: list[ClassRun] = Field(default_factory=list[ClassRun])
    """Attempts of each resource class; the operator's memory across restarts."""
    metrics: dict[str, str | int] = Field(default_factory=dict, json_schema_extra=ATOMIC)
    """Measured numbers: psnr, ssim, lpips, registeredImages, images, ... (docs/stages.md has all); decimals as text."""
    checkpoints: list[Checkpoint] = Field(default_factory=list[Checkpoint])
    """The latest states of the training in the workspace, oldest first; a stopped job resumes from the last."""
    artifacts: list[Artifact] = Field(default_factory=list[Artifact])
    """Files that the job delivered."""
    failure: Failure | None = Field(default=None, json_schema_extra=ATOMIC)
    """Why the job has failed, is cancelled or is not accepted; absent otherwise. Why an attempt ended early that
    another one follows is said by `runs[].trouble`."""
    profile: ProfileSnapshot | None = Field(default=None, json_schema_extra=ATOMIC)
    """The profile that the job runs with, where `profileRevision` does not say it: in jobs that an earlier release has
    written, and where no ControllerRevision could be made."""
    profile_revision: ProfileRevision | None = Field(default=None, json_schema_extra=ATOMIC)
    """The profile that the job runs with, and the ControllerRevision that holds its content: `kubectl get
    controllerrevision NAME -o yaml`. It is the job's own and goes with it."""
    workspace_claim: str | None = None
    """Volume claim that the job's stages share."""
    abandoned_workspace: str | None = None
    """uid of the volume claim that was given up because its volume was where no GPU is; absent in most jobs."""
    from_destination: bool | None = None
    """The workspace was gone when the job was changed, and the present one holds only what was made from the published
    results; absent in most jobs. A change that needs more starts the job over, from the photos."""
    published_to: Destination | None = Field(default=None, json_schema_extra=ATOMIC)
    """The `spec.destination` that results were published to last. Where it has been changed since and the workspace is
    gone, what can be is made from what is there."""
    admission_time: Timestamp | None = None
    """Since when the job counts against the limits of concurrent jobs; absent while it waits for its turn, is suspended
    or has ended."""
    yield_time: Timestamp | None = None
    """When the job gave its turn back because no node had been found for its pod and others waited; its place in the
    line counts from then on. Absent once a pod has a node."""
    start_time: Timestamp | None = None
    """When the first pod was asked for."""
    completion_time: Timestamp | None = None
    """When the job ended; absent while it runs or waits for a profile."""
    cancellation: CancellationStatus | None = None
    """What became of spec.cancellation."""
    retention: RetentionStatus | None = None
    """When the workspace, parts of it, what was published and the job go."""
    notifications: list[Delivery] = Field(default_factory=list[Delivery])
    """Messages to the receivers of spec.notifications: all that are pending, and those of the latest event."""
    spec_digest: str | None = None
    """Digest of the spec that this status is about. A change of the spec gives a failed job another chance, unless it
    concerns only what becomes of the job: cancellation, retention,
    notifications."""

    @property
    def accepted_profile(self) -> ProfileSnapshot | ProfileRevision | None:
        """Kind, name and generation of the profile that the job runs with."""
        return self.profile or self.profile_revision
