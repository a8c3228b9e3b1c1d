"""The catalogue of failures: the same codes in exit statuses, `status.failure`, Events, metrics and reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final


class Category(StrEnum):
    """Who can fix it: the author of the YAML, nobody right now, the photos, or the platform."""

    VALIDATION = "Validation"
    STATE = "State"
    MODEL = "Model"
    RESOURCE = "Resource"


class ExitCode(IntEnum):
    """Exit status of the worker and of `recon run`: for scripts, and for the log of a pod.

    What happened and whether it is tried again, the operator reads from the pod's termination message (`PodReport`),
    not from here. Of the status it asks only this: 0 with a report is a completed pod; 6 is a cancelled one, whatever
    the report says; 5 (or 143, SIGTERM) without a failure in the report is an interruption, which counts as no attempt.
    Without a report every other status is an InternalError, or the end that the kubelet reports: out of memory,
    evicted, killed. The podFailurePolicy of child Jobs reads no exit status.
    """

    DONE = 0
    INVALID_INPUT = 2
    MODEL_FAILURE = 3
    RESOURCE = 4
    RESUMABLE_STOP = 5
    CANCELLED = 6
    INTERNAL = 70


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One entry of the catalogue."""

    code: str
    category: Category
    retryable: bool
    meaning: str
    suggestion: str

    @property
    def exit_code(self) -> ExitCode:
        if self.code == "InternalError":
            return ExitCode.INTERNAL
        if self.code == "Preempted":
            return ExitCode.RESUMABLE_STOP
        if self.code == "Cancelled":
            return ExitCode.CANCELLED
        return {
            Category.VALIDATION: ExitCode.INVALID_INPUT,
            Category.STATE: ExitCode.INVALID_INPUT,
            Category.MODEL: ExitCode.MODEL_FAILURE,
            Category.RESOURCE: ExitCode.RESOURCE,
        }[self.category]


_V, _S, _M, _R = Category.VALIDATION, Category.STATE, Category.MODEL, Category.RESOURCE

_KINDS = (
    ErrorKind("InvalidSpec", _V, False, "The job's spec has a mistake.",
              "Correct the field named in the message; `recon validate job.yaml` checks a file without a cluster."),
    ErrorKind("SourceNotFound", _V, False, "The photos are not where spec.source points.",
              "Check the address, claim or folder in spec.source, and that it holds photos."),
    ErrorKind("SourceAccessDenied", _V, False, "The storage or the file system refuses to read spec.source.",
              "Check the secret named in spec.source and its permission to list and read."),
    ErrorKind("AddressNotAllowed", _V, False, "Worker pods may not connect to the address.",
              "Use a public address, or ask the platform team to add the host or its network to network.allow of the "
              "profile, as storage inside the cluster needs it."),
    ErrorKind("UnsafeArchive", _V, False, "The archive holds entries that must not be unpacked.",
              "Pack the photos again as plain files: no links, no absolute or '..' paths."),
    ErrorKind("UnsupportedFormat", _V, False, "A file is not an image of a supported format.",
              "Use JPEG, PNG, WebP, TIFF, HEIC or raw photos; convert or remove the file named in the message."),
    ErrorKind("ImageCorrupt", _V, False, "An image can't be decoded to its end.",
              "Copy or export the photo named in the message again."),
    ErrorKind("ChecksumMismatch", _V, False, "The source is not what its checksum says.",
              "Upload the file named in the message again, or correct the checksum."),
    ErrorKind("FileTooLarge", _V, False, "A file, or the whole set, exceeds the limit.",
              "Scale the photos down, or ask for a profile with a higher limit."),
    ErrorKind("ImageCountOutOfRange", _V, False, "The number of usable photos is outside the engine's bounds.",
              "Add or remove photos, or choose an engine whose bounds fit."),
    ErrorKind("InvalidPoses", _V, False, "The provided camera poses can't be used.",
              "Correct the entry named in the message, or set spec.poses.method to StructureFromMotion."),
    ErrorKind("DepthInvalid", _V, False, "A depth map does not fit its photo.",
              "Provide one depth map a photo, of the same size, in metres or with its scale."),
    ErrorKind("SpecImmutable", _V, False,
              "spec.source, spec.engine and spec.operatorClass can't change after creation.",
              "Create another job with the new source, engine or class."),
    ErrorKind("CancelNotRequested", _S, False, "The cancellation was confirmed before it was requested.",
              "Request the cancellation first, then confirm it within an hour."),
    ErrorKind("Cancelled", _S, False, "The job was cancelled.", "To run it again, create another job."),
    ErrorKind("AlreadyTerminal", _S, False, "The job has ended.", "Create a new job, or change its spec to run again."),
    ErrorKind("ArtifactsNotReady", _S, False, "The job has no artifacts yet.",
              "Wait for condition Exported; `kubectl get recon` shows the progress."),
    ErrorKind("CheckpointIncompatible", _S, False, "The checkpoint belongs to other settings or is damaged.",
              "Start the training again in a new workspace."),
    ErrorKind("InputsRemoved", _S, False, "What a change of the job needs is no longer kept.",
              "Take the change back, or raise spec.redo.ingest to have all of it made again from the photos."),
    ErrorKind("DependencyNotReady", _S, True, "A job that this one builds on has not finished.",
              "Wait for the other job; this one continues by itself."),
    ErrorKind("DependencyFailed", _S, True, "A job that this one builds on has failed.",
              "Fix the other job; this one continues by itself."),
    ErrorKind("DependencyCycle", _V, False, "Jobs build on each other in a cycle.",
              "Delete one of the jobs named in the message, and create it with photos as its source."),
    ErrorKind("PoseEstimationFailed", _M, False, "No camera positions could be estimated from the photos.",
              "Take photos that overlap by two thirds, with texture, in focus and without moving objects."),
    ErrorKind("LowRegistration", _M, False, "Too few photos could be placed in the scene.",
              "Add photos between those named in the message, so that neighbours overlap by two thirds."),
    ErrorKind("TrainingDiverged", _M, False, "Training produced NaN or infinite values, twice.",
              "Set spec.endAfter to Poses for a report of the camera poses; if they are right, clear it and try "
              "another spec.training.seed, or report the data set."),
    ErrorKind("QualityBelowThreshold", _M, False,
              "The held-out views are below the job's quality bar, or all photos are blurred.",
              "Look at evaluate/views in the workspace, or set spec.quality.onFailure to Warn for a report with the "
              "worst views; add photos there, raise spec.training.steps, or lower spec.quality."),
    ErrorKind("EmptyMesh", _M, False, "No surface was found in the trained field.",
              "Check that the object fills the photos; raise spec.training.steps or check the poses."),
    ErrorKind("DestinationNotFound", _V, False, "There is no such bucket or container at spec.destination.",
              "Create the bucket named in the message, or correct spec.destination.uri."),
    ErrorKind("DestinationAccessDenied", _V, False, "The storage refuses to write to spec.destination.",
              "Check the secret named in spec.destination and its permission to write, read and list."),
    ErrorKind("DestinationNotAllowed", _V, False, "The profile does not let results go to spec.destination.",
              "Use an address that begins with one of the prefixes named in the message, or ask the platform team."),
    ErrorKind("DestinationConflict", _S, False, "Other results are at spec.destination, or belong there.",
              "Give each job a prefix of its own, such as s3://bucket/{namespace}/{name}/."),
    ErrorKind("ExportFailed", _M, False, "A written file did not pass its check.",
              "Remove that format from spec.exports, or report the file."),
    ErrorKind("EngineUnavailable", _V, False, "The engine is unknown here, or the profile does not allow it.",
              "Choose one of the engines named in the message, or ask the platform team to add it to the profile."),
    ErrorKind("WeightsUnavailable", _R, False, "The engine's weights are missing or do not match their checksum.",
              "Ask the platform team to add the weights to the profile's volume: `recon weights add`."),
    ErrorKind("LicenseNotAccepted", _V, False, "The engine's licence has not been accepted.",
              "Ask the platform team to accept the licence by name in the profile, or choose another engine."),
    ErrorKind("WorkspaceElsewhere", _R, True, "No node that can reach the workspace's volume can run the pod.",
              "The job waits until a node near the volume is free. For later jobs, the platform team sets "
              "gpu.nodeSelector or workspace.zones in the profile."),
    ErrorKind("GPUUnavailable", _R, True, "No usable GPU was found.",
              "Set spec.training.device to Auto, use a profile with GPU nodes, or choose an engine that needs none."),
    ErrorKind("GPUOutOfMemory", _R, True, "The GPU's memory was exhausted.",
              "Lower spec.images.maxSidePixels, or use a profile with a larger GPU."),
    ErrorKind("HostOutOfMemory", _R, True, "The pod exceeded its memory limit.",
              "Lower spec.images.maxSidePixels, or use a profile with more memory."),
    ErrorKind("DiskFull", _R, True, "The workspace is full.", "Use a profile with a larger workspace."),
    ErrorKind("DeadlineExceeded", _R, False, "The job ran longer than allowed.",
              "Raise spec.activeDeadlineSeconds, lower spec.training.steps, or use faster hardware."),
    ErrorKind("Preempted", _R, True, "The pod was stopped to make room; it resumes from its checkpoint.",
              "Nothing to do: the job continues by itself."),
    ErrorKind("WorkerSilent", _R, True, "The worker has not reported for a long time.",
              "Look at `recon logs NAME` and check that pods reach the operator; delete the pod to have its work "
              "continued from the last checkpoint."),
    ErrorKind("NoProgress", _R, True, "The job is interrupted again and again and makes no progress.",
              "The job keeps trying. Give it nodes that are not taken away so often, or a shorter time between "
              "checkpoints; the message has the last interruption."),
    ErrorKind("NodeLost", _R, True, "The pod's node does not answer.",
              "Nothing to do: the work continues in another pod. If the node stays away, the platform team should "
              "remove it from the cluster; where the workspace has access mode ReadWriteMany, it must."),
    ErrorKind("QuotaExceeded", _R, True, "The namespace's quota does not allow the pod.",
              "Wait for other jobs, or ask for a larger quota."),
    ErrorKind("LimitExceeded", _V, False, "The job asks for more than its profile allows.",
              "Change the field named in the message, or choose another profile."),
    ErrorKind("ConcurrencyLimit", _R, True, "As many jobs run as the platform team allows at the same time.",
              "Nothing to do: the job starts when it is its turn."),
    ErrorKind("Queued", _R, True, "Kueue has not admitted the pod yet.",
              "Nothing to do unless the message says so: the job starts when its queue has room."),
    ErrorKind("QueueNotAdmitting", _R, True, "Kueue can't admit the pod as its queue is now.",
              "The job waits; ask the platform team to look at the queue, or name another one in spec.queueName."),
    ErrorKind("Unschedulable", _R, True, "No node accepts the pod.",
              "The job waits; ask the platform team for nodes, or choose another profile."),
    ErrorKind("VolumeUnavailable", _R, True, "A volume that the pod needs does not exist yet.",
              "The job waits; ask the platform team to check the storage class that the profile names."),
    ErrorKind("CreationRefused", _R, True, "The cluster refuses an object that the job needs.",
              "The job waits and tries again; show the platform team what the cluster says."),
    ErrorKind("ControlPlaneUnavailable", _R, True, "A part of the cluster's control plane does not answer another one.",
              "Nothing to do if it passes: the job waits and continues by itself. If it lasts, the platform team "
              "should look at the API server, etcd and the controller manager."),
    ErrorKind("SourceInUse", _R, True, "The volume claim that the job reads from is in use on another node.",
              "The job waits for it without counting as running; claims that several jobs are to read at the same time "
              "need the access mode ReadOnlyMany or ReadWriteMany."),
    ErrorKind("PodNotStarting", _R, True, "The pod has a node, but its volumes or network are not ready.",
              "The job waits; show the platform team what the cluster says."),
    ErrorKind("ArtifactStoreError", _R, True, "Storage failed while reading or writing.",
              "The job retries; check the storage service if it keeps failing."),
    ErrorKind("WorkspaceBusy", _R, True, "Another run uses the workspace.",
              "Wait for the other run to end, or choose another folder with --out."),
    ErrorKind("StatusUnreadable", _S, True, "The job's status was written by another release, or by hand.",
              "Install the release that wrote it again, or correct the field named in the message with `kubectl edit "
              "--subresource=status`; the job continues by itself."),
    ErrorKind("ImagePullFailed", _R, True, "The worker image could not be pulled.",
              "Ask the platform team to check the image named in the profile and its pull secret."),
    ErrorKind("ProfileNotFound", _V, True, "The profile named by the job does not exist.",
              "Choose one of the profiles named in the message, or ask the platform team for it."),
    # Between the command line and a cluster; a job's status never has these.
    ErrorKind("KubeconfigInvalid", _V, False, "The kubeconfig leads to no cluster.",
              "Check --kubeconfig, $KUBECONFIG and --context; `kubectl config get-contexts` lists what there is."),
    ErrorKind("ClusterUnreachable", _R, True, "The cluster does not answer.",
              "Check the network and the context (`kubectl get --raw /readyz`), then try again."),
    ErrorKind("ClusterAccessDenied", _V, False, "The cluster does not allow what was asked.",
              "Log in again, or ask for the right named in the message; `kubectl auth can-i` shows what is allowed."),
    ErrorKind("ObjectNotFound", _V, False, "There is no object of that name.",
              "Check the name and the namespace; `recon list -A` lists all jobs."),
    ErrorKind("AmbiguousName", _V, False, "The name or short id that was given matches several jobs.",
              "Give the name or short id that no other job has; `recon list -o wide` shows both."),
    ErrorKind("OperatorNotInstalled", _R, False, "The cluster does not know ReconstructionJobs.",
              "Ask the platform team to install the chart reconstruction-operator, or choose another --context."),
    ErrorKind("FieldConflict", _S, False, "Another tool has set a field that the file sets too.",
              "Make the file agree with the cluster, or take the field over with --force-conflicts."),
    ErrorKind("InternalError", _R, True, "A defect in the software.", "Report it with the worker's log."),
)  # fmt: skip

CATALOGUE: Final[dict[str, ErrorKind]] = {kind.code: kind for kind in _KINDS}


class ReconstructionError(Exception):
    """A failure that a user can act on.

    `message` names the user's file or field, never an internal path or a secret; `details` is small and JSON-able.
    Raise it where the mistake is known; it is caught once, at the edge of the process.
    """

    def __init__(
        self, code: str, message: str, *, suggestion: str | None = None, details: dict[str, Any] | None = None
    ):
        super().__init__(message)
        self.kind = CATALOGUE[code]
        self.message = message
        self.suggestion = suggestion or self.kind.suggestion
        self.details = details or {}

    @property
    def code(self) -> str:
        return self.kind.code

    @property
    def exit_code(self) -> ExitCode:
        return self.kind.exit_code

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.code, self.message, self.suggestion, self.details)


def _rebuild(code: str, message: str, suggestion: str, details: dict[str, Any]) -> ReconstructionError:
    return ReconstructionError(code, message, suggestion=suggestion, details=details)
