"""What a decision asks for, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from reconstruction_api.secrecy import receiver_id
from reconstruction_api.status import ReconstructionJobStatus


@dataclass(frozen=True, slots=True)
class EnsureClaim:
    """Create the workspace's volume claim unless it is there."""

    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AdoptClaim:
    """Make the job the owner of a volume claim that has none."""

    name: str
    uid: str
    labels: dict[str, str]
    owner: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create a child Job unless it is there."""

    manifest: dict[str, Any]
    in_workspace: bool = True
    """Whether its pod works in the workspace, which must be the job's own then."""


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete a child Job; its pods get their grace period first, the Job goes last."""

    name: str
    uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Stop a pod within so many seconds, whatever grace period it was created with."""

    name: str
    uid: str
    grace_seconds: int


@dataclass(frozen=True, slots=True)
class DeleteClaim:
    """Delete the workspace's volume claim, and with it every file of the job."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class DeleteSelf:
    """Delete the ReconstructionJob, unless it has changed since it was looked at; what it owns goes with it."""

    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class PinProfile:
    """Store the profile that the job is accepted with in a ControllerRevision, unless it is there."""

    manifest: dict[str, Any]
    digest: str
    """Of its content; another object of that name is somebody else's."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Begin to post a CloudEvent to a receiver; its result comes back as an observation."""

    id: str
    url: str = field(repr=False)
    """The whole address, which may hold a secret."""
    secret_name: str
    attempt: int
    event: dict[str, Any]

    @property
    def receiver(self) -> str:
        """As in `Delivery.receiver`."""
        return receiver_id(self.url)


@dataclass(frozen=True, slots=True)
class Emit:
    """A Kubernetes Event on the ReconstructionJob, for people."""

    warning: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Why does this object make no progress? The answer is in its latest Event, in the conditions of the Workload that
    Kueue made for a Job, or in where a PersistentVolume is."""

    kind: Literal["Job", "PersistentVolume", "PersistentVolumeClaim", "Pod", "Workload"]
    uid: str
    """Of the object; of the Job for its Workload; the name of a PersistentVolume."""


@dataclass(frozen=True, slots=True)
class ExpectAbsent:
    """What the decision takes for gone, because no watch shows it. One question to the API server settles it before
    anything is made again or thrown away: a watch may have missed an event."""

    kind: Literal["claim", "report", "pods", "scale-up"]
    name: str
    """Of the volume claim; of the child Job whose pod would have the report; of the job whose pods or child Jobs may be
    at work; uid of the pod without a node."""


Action = AdoptClaim | DeleteJob | DeletePod | DeleteClaim | DeleteSelf | EnsureClaim | CreateJob | Notify | Emit


@dataclass(frozen=True, slots=True)
class Plan:
    """`status` is written first, guarded by the resourceVersion it was decided from; only when that succeeds (or it
    is None because nothing differs) the actions follow, in order. So no action is ever taken from an outdated view."""

    status: ReconstructionJobStatus | None = None
    actions: tuple[Action, ...] = ()
    next_check: datetime | None = None
    """Decide again at this time even if nothing is observed; None waits for an observation."""
    slot: Literal["held", "nodeless", "overdue", "waiting", "none"] = "none"
    """Of the jobs that may run at the same time: whether the job holds one, waits for one, or neither. A slot is
    `nodeless` while there is no node for the job's pod, and `overdue` once others may have it for that reason."""
    pins: PinProfile | None = None
    """Made before the status, which names it. From an outdated view it is harmless: it goes with the job."""
    expects: tuple[ExpectAbsent, ...] = ()
    """Checked before anything else; where one is there after all, nothing of the plan is carried out."""
    inquiries: tuple[Inquiry, ...] = ()
    """Objects that make no progress, and of which the cluster may have said why."""
