"""Where the current attempt of a resource class is, from its child Job and that Job's pods."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import reads_source
from reconstruction_api.status import ClassRun, ProfileSnapshot
from reconstruction_api.worker import Failure, PodReport

from ...actions import Inquiry
from ...model import ChildJob, Claim, Observed, Pod
from . import secrets
from .failure import ending_of, failure
from .interruptions import eviction_code
from .lost import CODE as NODE_LOST
from .lost import explanation, given_up, is_overdue
from .obstacles import (
    WORKSPACE_ELSEWHERE,
    Obstacle,
    no_volume,
    not_created,
    not_starting,
    queued,
    source_in_use,
    unscheduled,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PULL_REASONS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable")
_HOPELESS_PULL_REASONS = ("InvalidImageName",)
_SETUP_REASONS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")

SOON = timedelta(seconds=10)
"""Pods appear, volumes are bound and containers are set up within this time; if not, the cluster is asked why."""
_AGAIN = timedelta(seconds=60)
_LAST_MOMENT = timedelta(seconds=60)
"""Within this time after its only container a pod has ended."""


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
    inquiries: tuple[Inquiry, ...] = ()
    """Objects of which the cluster may say more."""


ON_ITS_WAY = ("Pending", "The pod is being created.")
"""Reason and message from the request for a pod until there is more to say of it: each other word would be a write."""


@dataclass(frozen=True, slots=True)
class Running:
    """The worker runs."""

    pod: Pod


@dataclass(frozen=True, slots=True)
class Completed:
    """The class has completed."""

    report: PodReport


@dataclass(frozen=True, slots=True)
class Paused:
    """The worker ended before its last stage, because spec.pauseAfter asked for it."""

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
    eviction: str = ""
    """Code of what the pod was evicted for, if that was its own doing."""
    unreported: bool = False
    """Concluded from the absence of the pod that would have the report."""


Outcome = Absent | Waiting | Running | Completed | Paused | Failed | Interrupted


def outcome_of(run: ClassRun, spec: ReconstructionJobSpec, observed: Observed, now: datetime) -> Outcome:
    """The state of the child Job that `run` names."""
    child = next((job for job in observed.child_jobs if job.name == run.job_name), None)
    pods = pods_of(run, observed)
    if child is None and not pods:
        return Absent()
    if child is None:
        return _without_job(pods, observed, now)
    grace = timedelta(seconds=observed.policy.lost_report_grace_seconds)
    if child.succeeded:
        return _succeeded(child, pods, grace, now)
    if child.failed:
        return _failed(child, pods, grace, now)
    if child.deleting:
        return _without_job(pods, observed, now) if pods else Interrupted("The child Job was deleted.")
    return _active(child, pods, spec, observed, now)


def pods_of(run: ClassRun, observed: Observed) -> list[Pod]:
    """Pods of the current attempt, oldest first: one, and one more for each disruption."""
    pods = [pod for pod in observed.pods if pod.job_name == run.job_name]
    return sorted(pods, key=lambda pod: (pod.created or _EPOCH, pod.name))


def _succeeded(child: ChildJob, pods: list[Pod], grace: timedelta, now: datetime) -> Outcome:
    for pod in reversed(pods):
        if pod.container.exit_code == 0:
            text = "The worker completed its stages but left no report."
            return _completed(pod) or Failed(failure("InternalError", text))
    return _unreported(child, grace, now)


def _without_job(pods: list[Pod], observed: Observed, now: datetime) -> Outcome:
    """The child Job was deleted, and its pods are asked to stop. What the last of them reports counts all the same."""
    for pod in reversed(pods):
        if pod.container.exit_code == 0 and (completed := _completed(pod)) is not None:
            return completed
    pod = pods[-1]
    if pod.finished:
        ending = ending_of(pod)
        if ending.failure is not None:
            return Failed(ending.failure, ending.report)
        return Interrupted(ending.interruption, ending.report, eviction_code(pod))
    if is_overdue(pod, now):
        if given_up(pod, observed.policy, now):
            return Interrupted(f"Pod {pod.name} was lost with its node {pod.node}.")
        return Waiting(NODE_LOST, explanation(pod, observed.policy))
    if pod.phase == "Running" and not pod.deleting:
        return Running(pod)
    return Waiting("Stopping", "The child Job was deleted; its pod is stopping.", scheduled=True)


def has_ended(pod: Pod, now: datetime) -> bool:
    """Whether the worker's end is the pod's. The kubelet shows the end of a container a moment before the pod's; a pod
    in which something else runs on does not end by itself."""
    if pod.finished:
        return True
    if pod.container.exit_code is None or pod.container.ended is None:
        return False
    return pod.accompanied or now >= pod.container.ended + _LAST_MOMENT


def _completed(pod: Pod) -> Completed | Paused | None:
    """What a worker reports that ended with status 0; None when it left no report."""
    report = PodReport.from_termination_message(pod.container.message)
    if report is None:
        return None
    return Paused(report) if report.paused_after else Completed(report)


def _ended_beside_others(pod: Pod) -> Outcome:
    """The worker has ended, but a container that somebody injected keeps the pod running, and with it the hardware: the
    worker's end is the attempt's, and the child Job is deleted with what still runs in it."""
    if pod.container.exit_code == 0:
        return Failed(failure("InternalError", "The worker completed its stages but left no report."))
    ending = ending_of(pod)
    if ending.failure is not None:
        return Failed(ending.failure, ending.report)
    return Interrupted(ending.interruption, ending.report, eviction_code(pod))


def _failed(child: ChildJob, pods: list[Pod], grace: timedelta, now: datetime) -> Outcome:
    for pod in reversed(pods):
        if pod.container.exit_code == 0 and (completed := _completed(pod)) is not None:
            return completed  # another container of the pod has failed
        if pod.finished or pod.container.exit_code is not None:
            ending = ending_of(pod)
            if ending.failure is not None:
                return Failed(ending.failure, ending.report)
            return Interrupted(ending.interruption, ending.report, eviction_code(pod))
    return _unreported(child, grace, now)


def _unreported(child: ChildJob, grace: timedelta, now: datetime) -> Outcome:
    """The end of the Job and of its pod arrive through different watches, in any order."""
    until = (child.ended or child.created or now) + grace
    if now < until:
        return Waiting("Ending", "The child Job has ended; its pod's report is awaited.", scheduled=True, until=until)
    return Interrupted("The pod disappeared with its report; what it finished is in the workspace.", unreported=True)


def _active(
    child: ChildJob, pods: list[Pod], spec: ReconstructionJobSpec, observed: Observed, now: datetime
) -> Outcome:
    if child.suspended and all(pod.finished for pod in pods):
        return _queued(child, observed, now)
    if not pods:
        return _without_pod(child, observed, now)
    pod = pods[-1]
    if has_ended(pod, now) and pod.container.exit_code == 0 and (completed := _completed(pod)) is not None:
        return completed  # the Job's own end follows a second or two later and says no more
    if pod.finished:
        return Waiting("Ending", "The pod has ended.", scheduled=True)
    if has_ended(pod, now):
        return _ended_beside_others(pod)
    if is_overdue(pod, now):
        if given_up(pod, observed.policy, now):
            return Interrupted(f"Pod {pod.name} was lost with its node {pod.node}.")
        return Waiting(NODE_LOST, explanation(pod, observed.policy))
    if pod.phase == "Running" or pod.container.started is not None:
        return Running(pod)
    if pod.scheduled is None:
        return _unscheduled(pod, spec, observed, now)
    return _starting(pod, spec, observed, now)


def _queued(child: ChildJob, observed: Observed, now: datetime) -> Outcome:
    """Kueue holds the Job back, or has taken its pod away for a more urgent one."""
    if not child.queue:
        return Waiting("Queued", "The child Job was suspended externally; it continues when its spec.suspend is false.")
    said = observed.explanations.get(child.uid)
    waiting = queued(child.queue, said or "")
    return _inquired(Waiting(waiting.code, waiting.message), None, Inquiry("Workload", child.uid), child.created, now)


def _without_pod(child: ChildJob, observed: Observed, now: datetime) -> Outcome:
    """The Job controller has not made the pod yet: it is slow, or the API server refuses the pod."""
    said = observed.explanations.get(child.uid)
    return _inquired(Waiting(*ON_ITS_WAY), said and not_created(said), Inquiry("Job", child.uid), child.created, now)


def _unscheduled(pod: Pod, spec: ReconstructionJobSpec, observed: Observed, now: datetime) -> Outcome:
    """Hardware is waited for without end; photos that are not there are not."""
    message = pod.unscheduled_message
    claim = spec.source.persistent_volume_claim
    if claim is not None and f'persistentvolumeclaim "{claim.claim_name}" not found' in message:
        until = (pod.created or now) + timedelta(seconds=observed.policy.image_pull_grace_seconds)
        text = f"spec.source.persistentVolumeClaim.claimName: there is no claim {claim.claim_name!r} in the namespace."
        return Failed(failure("SourceNotFound", text)) if now >= until else Waiting("SourceNotFound", text, until=until)
    if pod.created is not None and now < pod.created + SOON:  # volumes are made and nodes become free meanwhile
        return Waiting(*ON_ITS_WAY, until=pod.created + SOON)
    if not message:
        return Waiting(pod.unscheduled_reason or "Pending", "The pod waits for a node.")
    if (in_use := _source_in_use(pod, message, spec, observed)) is not None:
        return in_use
    obstacle = unscheduled(message, _volume_location(observed))
    waiting = Waiting(obstacle.code, obstacle.message)
    if obstacle.code == WORKSPACE_ELSEWHERE and observed.claim is not None and observed.claim.volume:
        return _inquired(waiting, None, Inquiry("PersistentVolume", observed.claim.volume), None, now)
    if observed.claim is not None and _is_unbound(observed.claim):
        return _volume_missing(waiting, observed.claim, observed, now)
    return waiting


def _volume_location(observed: Observed) -> str:
    """Where the workspace's volume is: as the volume says, else by the node whose pod used it last."""
    claim = observed.claim
    if claim is not None and (location := observed.explanations.get(claim.volume)):
        return location
    used = [pod for pod in observed.pods if pod.node and pod.container.started is not None]
    last = max(used, key=lambda pod: pod.created or _EPOCH, default=None)
    return f"where node {last.node} is" if last is not None else ""


def _is_unbound(claim: Claim) -> bool:
    return claim.phase == "Pending"


def _volume_missing(waiting: Waiting, claim: Claim, observed: Observed, now: datetime) -> Waiting:
    said = observed.explanations.get(claim.uid)
    inquiry = Inquiry("PersistentVolumeClaim", claim.uid)
    return _inquired(waiting, said and no_volume(said), inquiry, claim.created, now)


def _starting(pod: Pod, spec: ReconstructionJobSpec, observed: Observed, now: datetime) -> Outcome:
    """A node was found; the image and the volumes are being made ready."""
    reason, message = pod.container.waiting_reason, pod.container.waiting_message
    until = (pod.scheduled or now) + timedelta(seconds=observed.policy.image_pull_grace_seconds)
    if (trouble := _trouble(pod, spec, observed.job.status.profile)) is not None:
        if now >= until or reason in _HOPELESS_PULL_REASONS:
            return Failed(trouble)
        return Waiting(trouble.code, f"{trouble.message} {trouble.suggestion}", scheduled=True, until=until)
    if pod.scheduled is not None and now < pod.scheduled + SOON:
        return Waiting(*ON_ITS_WAY, until=pod.scheduled + SOON)
    said = observed.explanations.get(pod.uid, "")
    if (in_use := _source_in_use(pod, said, spec, observed)) is not None:
        return in_use
    lacking = secrets.of_the_job(said, spec)
    if lacking is not None and now >= until:
        return Failed(lacking)
    if lacking is not None:
        waiting = Waiting(lacking.code, f"{lacking.message} {lacking.suggestion}", scheduled=True)
        waiting = _inquired(waiting, None, Inquiry("Pod", pod.uid), pod.scheduled, now)
        return replace(waiting, until=min(until, waiting.until or until))
    waiting = Waiting(reason or "Starting", message or "The pod is starting.", scheduled=True)
    return _inquired(waiting, said and not_starting(said), Inquiry("Pod", pod.uid), pod.scheduled, now)


def _source_in_use(pod: Pod, said: str, spec: ReconstructionJobSpec, observed: Observed) -> Waiting | None:
    """Of a pod that copies from a claim: the photos', or that of another job."""
    child = next((each for each in observed.child_jobs if each.name == pod.job_name), None)
    fetched = spec.source.uri is not None and spec.source.job_ref is None
    if fetched or child is None or child.resource_class is None:
        return None
    volume = observed.claim.volume if observed.claim is not None else ""
    obstacle = source_in_use(said, volume) if reads_source(child.resource_class) else None
    return Waiting(obstacle.code, obstacle.message) if obstacle is not None else None


def _inquired(
    waiting: Waiting, obstacle: Obstacle | str | None, inquiry: Inquiry, since: datetime | None, now: datetime
) -> Waiting:
    """The same, with what the cluster says of it; it is asked when the wait is longer than usual, and then again."""
    if isinstance(obstacle, Obstacle):
        waiting = replace(waiting, reason=obstacle.code, message=obstacle.message)
    if since is not None and now < since + SOON:
        return replace(waiting, until=since + SOON)
    return replace(waiting, until=now + _AGAIN, inquiries=(inquiry,))


def _trouble(pod: Pod, spec: ReconstructionJobSpec, profile: ProfileSnapshot | None) -> Failure | None:
    """What keeps the container from being made, unless it goes away by itself."""
    reason, message = pod.container.waiting_reason, pod.container.waiting_message
    if reason in _HOPELESS_PULL_REASONS or reason in _PULL_REASONS:
        image = f" {pod.container.image}" if pod.container.image else ""
        return failure("ImagePullFailed", f"The worker image{image} can't be pulled: {message or reason}")
    if reason in _SETUP_REASONS:
        said = message or reason
        lacking = secrets.of_the_job(said, spec) or secrets.of_the_profile(said, profile)
        return lacking or failure("InternalError", f"The worker's container can't be set up: {said[:500]}")
    return None
