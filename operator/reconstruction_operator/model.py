"""What the operator remembers of the objects it watches: only what a decision needs.

Ten thousand jobs with their pods fit into memory because nothing else of the objects is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ReconstructionJobStatus
from reconstruction_api.worker import ProgressUpdate


class JobKey(NamedTuple):
    """Namespace and name of a ReconstructionJob."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A status whose memory can't be understood: what to leave as it is."""

    problem: str
    """Which field, and what is wrong with it."""
    document: dict[str, Any]
    """The whole status as JSON."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A ReconstructionJob."""

    key: JobKey
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    spec: ReconstructionJobSpec | None
    """None when the spec does not follow the model; `spec_error` says why. In the decisions after the acceptance, with
    what stands for unset fields."""
    spec_error: str
    status: ReconstructionJobStatus
    written: ReconstructionJobSpec | None = None
    """The spec as its author left it, where `spec` says more."""
    unreadable: Unreadable | None = None
    """`status` is only what could be understood, and nothing may be concluded from it."""


@dataclass(frozen=True, slots=True)
class UpstreamJob:
    """The ReconstructionJob that spec.source.jobRef names, as far as it matters to the one that builds on it."""

    name: str
    uid: str
    deleting: bool
    engine: str
    runs: frozenset[str]
    """All its stages."""
    done: frozenset[str]
    """Those that have completed."""
    claim: str
    """Volume claim of its workspace; empty when there is none."""
    files_gone: str
    """When its workspace was removed."""
    current: bool
    """Whether all this is about its spec as it is now."""
    failed: str
    """Code and message; empty while it can still succeed."""
    doing: str
    """For people."""
    checkpoints_gone: str = ""
    """When those of its training were removed from its workspace."""


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A ReconstructionProfile or, with an empty namespace, a ClusterReconstructionProfile."""

    namespace: str
    name: str
    generation: int
    spec: dict[str, Any]
    uid: str = ""


class ProfileReference(NamedTuple):
    """Where a job's status says that its profile is."""

    digest: str
    revision: str
    """Name of the ControllerRevision."""


@dataclass(frozen=True, slots=True)
class ChildJob:
    """A batch/v1 Job that belongs to a ReconstructionJob."""

    name: str
    uid: str
    parent_uid: str
    resource_class: ResourceClass | None
    digest: str
    """LABEL_DIGEST: the first characters of the class digest it was created for."""
    attempt: int
    succeeded: bool = False
    failed: bool = False
    reason: str = ""
    """Reason of the condition that ended it."""
    message: str = ""
    deleting: bool = False
    suspended: bool = False
    """spec.suspend of the Job: whoever admits it, such as Kueue, has not done so yet or has taken it back."""
    queue: str = ""
    """Kueue's LocalQueue that admits it, if any does."""
    created: datetime | None = None
    ended: datetime | None = None

    @property
    def finished(self) -> bool:
        return self.succeeded or self.failed


@dataclass(frozen=True, slots=True)
class Container:
    """The worker's container."""

    image: str = ""
    """Remembered while the container waits."""
    waiting_reason: str = ""
    waiting_message: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    """OOMKilled, Error, Completed, StartError, ..."""
    message: str = ""
    """Termination message: the worker's report."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A worker pod."""

    name: str
    uid: str
    parent_uid: str
    job_name: str
    """Child Job that it runs for."""
    phase: str
    reason: str = ""
    message: str = ""
    deleting: bool = False
    deadline_seconds: int | None = None
    """After which the kubelet ends it, counted from its own start."""
    stop_by: datetime | None = None
    """When a pod that is being deleted is to be gone: its grace period is over."""
    node: str = ""
    disrupted: bool = False
    """Condition DisruptionTarget: preempted, evicted, drained, or its node was lost."""
    scheduled: datetime | None = None
    """When a node was found."""
    unscheduled_reason: str = ""
    unscheduled_message: str = ""
    created: datetime | None = None
    container: Container = field(default_factory=Container)
    accompanied: bool = False
    """Another container of the pod is running, such as one that was injected."""

    @property
    def finished(self) -> bool:
        return self.phase in ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Claim:
    """The workspace's PersistentVolumeClaim."""

    name: str
    uid: str
    parent_uid: str
    """uid of its controller, which is a ReconstructionJob of ours; empty when it has none."""
    job_name: str = ""
    """The ReconstructionJob that its label names."""
    phase: str = "Pending"
    volume: str = ""
    """Name of the PersistentVolume that is bound to it."""
    deleting: bool = False
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server's answer to the last attempt to create a child object."""

    message: str
    count: int
    """How many times in a row."""
    at: datetime


@dataclass(frozen=True, slots=True)
class StatusRefusal:
    """The API server's answer to a status that it does not take: too large, or not as the schema demands."""

    generation: int
    """Of the job that the status was about."""
    message: str
    count: int
    """How many times in a row."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether a job may start as far as the number of running jobs is limited."""

    granted: bool = True
    scope: str = ""
    """What is full: everywhere, namespace, profile, or profile in namespace."""
    limit: int = 0
    """Jobs that may run there at the same time."""
    ahead: int = 0
    """Jobs of the same namespace and profile that come first."""
    nodeless: int = 0
    """How many of those that run there are jobs for whose pods there is no node."""
    wanted: bool = False
    """Another job waits for the place that this one holds, and that is to be given back unless it is of use."""


@dataclass(frozen=True, slots=True)
class ScaleUp:
    """What an autoscaler last said of a pod that has no node: one is being made."""

    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """How an attempt to deliver a notification ended."""

    id: str
    receiver: str
    """As in `Delivery.receiver`."""
    attempt: int
    at: datetime
    problem: str = ""
    """Empty when the receiver has taken it."""
    hopeless: bool = False
    """Another attempt would end in the same way."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's own settings that decisions depend on."""

    progress_url: str | None = None
    """Base address for live updates of workers."""
    image_pull_grace_seconds: int = 300
    """How long an image may fail to be pulled, or a container to be set up, before the attempt fails."""
    heartbeat_seconds: int | None = None
    """A running worker that has not reported for this long is stalled; None expects no reports."""
    listening_since: datetime | None = None
    """When this replica began to listen to workers."""
    notifications: bool = False
    """Whether receivers are notified of events."""
    lost_pod_seconds: int = 300
    """A pod that should have stopped this long ago is given up, with its node."""
    lost_report_grace_seconds: int = 15
    """How long to wait for the pod of an ended child Job to show its end."""
    admission_timeout_seconds: int = 900
    """How long a job may hold its turn without a node while others wait."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a decision about one ReconstructionJob may look at, besides the time."""

    job: JobView
    profile: ProfileView | None
    """The profile that spec.profileName means now."""
    profile_names: tuple[str, ...] = ()
    """Profiles that the job could name, for a helpful message."""
    upstream: UpstreamJob | None = None
    """The job that spec.source.jobRef names."""
    cycle: tuple[str, ...] = ()
    """Names of jobs that build on each other in a cycle, this one among them."""
    child_jobs: tuple[ChildJob, ...] = ()
    pods: tuple[Pod, ...] = ()
    claim: Claim | None = None
    turn: Turn = field(default_factory=Turn)
    """Whether the job may take part among those that run."""
    explanations: Mapping[str, str] = field(default_factory=dict)
    """What the cluster last said of a child object that makes no progress, by its uid; asked for by a plan."""
    refusal: Refusal | None = None
    """Why the child object that comes next could not be created."""
    live: ProgressUpdate | None = None
    """The latest update a worker sent; decoration that may be missing."""
    heard: datetime | None = None
    """When it arrived."""
    sent: tuple[DeliveryResult, ...] = ()
    """Attempts to deliver notifications that have ended in this process."""
    sending: frozenset[tuple[str, str]] = frozenset()
    """Identifier and receiver of notifications that are under way."""
    policy: Policy = field(default_factory=Policy)
    status_refusal: StatusRefusal | None = None
    """Why the status of this generation could not be written."""
    unpinnable: bool = False
    """No ControllerRevision of the job can be made for its profile."""
    pinned_profile: ProfileView | None = None
    """The profile that the job's status names, as it is now."""
    source_users: tuple[str, ...] = ()
    """Pods that use the workspace of the job that spec.source.jobRef names: its own, and those that copy from it."""
    scale_ups: Mapping[str, ScaleUp] = field(default_factory=dict)
    """Nodes that are being made, by the uid of the pod."""
    strangers: tuple[str, ...] = ()
    """Child Jobs and pods of earlier jobs of the same name that have not ended."""
    destination_rival: str = ""
    """The earliest other job of the namespace that was there before this one and whose destination overlaps with its
    own; empty where there is none."""
    removal_jobs: tuple[ChildJob, ...] = ()
    """Those that remove something of the ended job; nothing else works while one does."""
    removal_pods: tuple[Pod, ...] = ()
