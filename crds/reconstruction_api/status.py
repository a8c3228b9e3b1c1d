"""`ReconstructionJob.status`: everything a person or a GitOps tool wants to know about a job."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from .base import ApiModel, DecimalString
from .stages import ResourceClass
from .worker import Artifact, Failure


class ConditionType(StrEnum):
    ACCEPTED = "Accepted"
    ADMITTED = "Admitted"
    SUSPENDED = "Suspended"
    POSES_ESTIMATED = "PosesEstimated"
    TRAINED = "Trained"
    EXPORTED = "Exported"
    VALIDATED = "Validated"
    SUCCEEDED = "Succeeded"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Condition(ApiModel):
    """One aspect of the job, in the form every Kubernetes tool understands (metav1.Condition)."""

    type: str
    status: str
    """True, False or Unknown."""
    reason: str
    """CamelCase word for programs."""
    message: str = ""
    """Sentence for people."""
    last_transition_time: str
    """When status last changed."""
    observed_generation: int | None = None
    """metadata.generation this is about."""


class StageState(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class StageStatus(ApiModel):
    """How far one stage is."""

    name: str
    state: StageState
    attempt: int | None = None
    start_time: str | None = None
    completion_time: str | None = None
    job_name: str | None = None
    """Child Job that runs or ran it."""
    digest: str | None = None
    """Digest of the settings the result stands for."""
    message: str = ""


class JobProgress(ApiModel):
    """Live numbers of the running stage."""

    percent: int = 0
    """0-100 of the whole job."""
    stage_percent: int | None = None
    """0-100 of the running stage."""
    step: int | None = None
    total_steps: int | None = None
    eta_seconds: int | None = None
    """Until the running stage ends."""
    loss: DecimalString | None = None
    psnr: DecimalString | None = None
    """Of the training batch, in decibels."""
    rays_per_second: int | None = None
    gpu_memory_bytes: int | None = None
    memory_bytes: int | None = None
    message: str = ""
    last_update_time: str | None = None


class ClassRun(ApiModel):
    """What the operator knows of the child Jobs of one resource class."""

    resource_class: ResourceClass
    digest: str
    """Settings the runs below are for."""
    attempt: int
    """Number of the current or last attempt, from 1."""
    job_name: str
    """Child Job of that attempt."""
    failures: int = 0
    """Attempts that count against retryPolicy.maxAttempts."""
    interruptions: int = 0
    """Attempts ended by preemption, eviction or suspension; not counted."""
    completed: bool = False
    """The class has ended well for this digest."""
    retry_after: str | None = None
    """The next attempt does not start before this time."""


class ProfileSnapshot(ApiModel):
    """The profile as it was when the job was accepted; an edited profile never changes a running job."""

    kind: str
    name: str
    generation: int
    spec: dict[str, Any] = Field(default_factory=dict)


class ReconstructionJobStatus(ApiModel):
    """Written by the operator only."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    stage: str | None = None
    """Stage that runs now, or the last that ran."""
    progress: JobProgress | None = None
    stages: list[StageStatus] = Field(default_factory=list)
    runs: list[ClassRun] = Field(default_factory=list)
    metrics: dict[str, str | int] = Field(default_factory=dict)
    """psnr, ssim, lpips, registeredImages, images, ...; decimals as text."""
    artifacts: list[Artifact] = Field(default_factory=list)
    failure: Failure | None = None
    profile: ProfileSnapshot | None = None
    workspace_claim: str | None = None
    start_time: str | None = None
    completion_time: str | None = None
