"""Where the current attempt of a resource class is, from its child Job and that Job's pods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.status import ClassRun
from reconstruction_api.worker import Failure, PodReport

from ..model import ChildJob, Observed, Pod
from .failure import ending_of, failure

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PULL_REASONS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable")
_HOPELESS_PULL_REASONS = ("InvalidImageName",)
_SETUP_REASONS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no child Job of that name."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The child Job is there but its work has not started, or its end is not visible yet."""

    reason: str
    message: str
    scheduled: bool = False
    until: datetime | None = None
    """Look again then."""


@dataclass(frozen=True, slots=True)
class Running:
    """The worker runs."""

    pod: Pod


@dataclass(frozen=True, slots=True)
class Completed:
    """The class has ended well."""

    report: PodReport


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt has failed; whether there is another one is for the retry policy to say."""

    failure: Failure
    report: PodReport | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The attempt ended through nobody's fault; it is not counted."""

    why: str
    report: PodReport | None = None


Outcome = Absent | Waiting | Running | Completed | Failed | Interrupted


def outcome_of(run: ClassRun, spec: ReconstructionJobSpec, observed: Observed, now: datetime) -> Outcome:
    """The state of the child Job that `run` names."""
    child = next((job for job in observed.child_jobs if job.name == run.job_name), None)
    if child is None:
        return Absent()
    pods = pods_of(run, observed)
    grace = timedelta(seconds=observed.policy.lost_report_grace_seconds)
    if child.succeeded:
        return _succeeded(child, pods, grace, now)
    if child.failed:
        return _failed(child, pods, grace, now)
    if child.deleting:
        return Interrupted("The child Job was deleted.")
    return _active(pods, spec, observed, now)


def pods_of(run: ClassRun, observed: Observed) -> list[Pod]:
    """Pods of the current attempt, oldest first: one, and one more for each disruption."""
    pods = [pod for pod in observed.pods if pod.job_name == run.job_name]
    return sorted(pods, key=lambda pod: (pod.created or _EPOCH, pod.name))


def running_seconds(run: ClassRun, observed: Observed, now: datetime) -> float:
    """For how long the containers of the current attempt have run, up to now."""
    total = 0.0
    for pod in pods_of(run, observed):
        if pod.container.started is not None:
            total += max(0.0, ((pod.container.ended or now) - pod.container.started).total_seconds())
    return total


def _succeeded(child: ChildJob, pods: list[Pod], grace: timedelta, now: datetime) -> Outcome:
    for pod in reversed(pods):
        if pod.container.exit_code == 0:
            report = PodReport.from_termination_message(pod.container.message)
            if report is None:
                return Failed(failure("InternalError", "The worker ended well but left no report."))
            return Completed(report)
    return _unreported(child, grace, now)


def _failed(child: ChildJob, pods: list[Pod], grace: timedelta, now: datetime) -> Outcome:
    for pod in reversed(pods):
        if pod.finished or pod.container.exit_code is not None:
            ending = ending_of(pod)
            if ending.failure is not None:
                return Failed(ending.failure, ending.report)
            return Interrupted(ending.interruption, ending.report)
    return _unreported(child, grace, now)


def _unreported(child: ChildJob, grace: timedelta, now: datetime) -> Outcome:
    """The end of the Job and of its pod arrive through different watches, in any order."""
    until = (child.ended or child.created or now) + grace
    if now < until:
        return Waiting("Ending", "The child Job has ended; its pod's report is awaited.", scheduled=True, until=until)
    return Interrupted("The pod disappeared with its report; what it finished is in the workspace.")


def _active(pods: list[Pod], spec: ReconstructionJobSpec, observed: Observed, now: datetime) -> Outcome:
    if not pods:
        return Waiting("Pending", "The pod is being created.")
    pod = pods[-1]
    if pod.finished:
        return Waiting("Ending", "The pod has ended.", scheduled=True)
    if pod.phase == "Running" or pod.container.started is not None:
        return Running(pod)
    if pod.scheduled is None:
        return _unscheduled(pod, spec, observed, now)
    return _starting(pod, spec, observed, now)


def _unscheduled(pod: Pod, spec: ReconstructionJobSpec, observed: Observed, now: datetime) -> Outcome:
    """Hardware is waited for without end; photos that are not there are not."""
    reason = pod.unscheduled_reason or "Pending"
    message = pod.unscheduled_message or "The pod waits for a node."
    claim = spec.source.persistent_volume_claim
    if claim is None or f'persistentvolumeclaim "{claim.claim_name}" not found' not in message:
        return Waiting(reason, message)
    until = (pod.created or now) + timedelta(seconds=observed.policy.image_pull_grace_seconds)
    text = f"spec.source.persistentVolumeClaim.claimName: there is no claim {claim.claim_name!r} in the namespace."
    return Failed(failure("SourceNotFound", text)) if now >= until else Waiting(reason, text, until=until)


def _starting(pod: Pod, spec: ReconstructionJobSpec, observed: Observed, now: datetime) -> Outcome:
    """A node was found; the image and the volumes are being made ready."""
    reason, message = pod.container.waiting_reason, pod.container.waiting_message
    until = (pod.scheduled or now) + timedelta(seconds=observed.policy.image_pull_grace_seconds)
    if reason in _HOPELESS_PULL_REASONS or (reason in _PULL_REASONS and now >= until):
        return Failed(failure("ImagePullFailed", f"The worker image can't be pulled: {message or reason}"))
    if reason in _SETUP_REASONS and now >= until:
        return Failed(_setup_failure(message or reason, spec))
    if reason in _PULL_REASONS or reason in _SETUP_REASONS:
        return Waiting(reason, message, scheduled=True, until=until)
    return Waiting(reason or "Starting", message or "The pod is starting.", scheduled=True)


def _setup_failure(message: str, spec: ReconstructionJobSpec) -> Failure:
    secret = spec.source.secret_name
    if secret and secret in message:
        return failure("SourceAccessDenied", f"spec.source.secretName: {message}")
    return failure("InternalError", f"The worker's container can't be set up: {message[:500]}")
