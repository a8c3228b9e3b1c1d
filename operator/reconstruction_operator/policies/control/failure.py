"""What the end of a pod means: the worker's own words where it left them, otherwise what Kubernetes saw."""

from __future__ import annotations

from dataclasses import dataclass

from reconstruction_api.errors import ExitCode, ReconstructionError
from reconstruction_api.worker import Failure, PodReport

from ...model import Pod

_KILLED, _TERMINATED = 137, 143
_SIGNAL_BASE = 128
_LOST = ("ContainerStatusUnknown", "Unknown")
"""What kubelet and containerd say of containers that ran when the node went down."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a pod's run ended. An interruption is nobody's fault and no attempt: the work resumes from what was saved."""

    report: PodReport | None
    failure: Failure | None = None
    interruption: str = ""


def ending_of(pod: Pod) -> Ending:
    """The meaning of a pod that ended, and not well."""
    report = PodReport.from_termination_message(pod.container.message) if pod.container.message else None
    if pod.reason == "DeadlineExceeded":
        return Ending(report, deadline_exceeded())
    if pod.container.exit_code == ExitCode.CANCELLED:
        return Ending(report, failure("Cancelled", "The worker was asked to abandon the job."))
    if report is not None and report.failure is not None and report.failure.code != "Preempted":
        return Ending(report, report.failure)
    if interruption := _interruption(pod, report):
        return Ending(report, interruption=interruption)
    return Ending(report, _seen_from_outside(pod))


def deadline_exceeded() -> Failure:
    """spec.activeDeadlineSeconds has elapsed."""
    return failure("DeadlineExceeded", "The job ran longer than spec.activeDeadlineSeconds.")


def failure(code: str, message: str) -> Failure:
    """A failure of the catalogue that the operator itself noticed."""
    return Failure.from_error(ReconstructionError(code, message))


def _interruption(pod: Pod, report: PodReport | None) -> str:
    if pod.disrupted:
        return pod.message or "The pod was preempted, evicted or lost its node."
    if report is not None and report.failure is not None:
        return report.failure.message
    code = pod.container.exit_code
    if pod.container.reason in _LOST:
        return "The node lost the container, most likely because it was restarted."
    if code is None and pod.reason != "Evicted":
        return pod.message or pod.reason or "The pod ended before its container started."
    if code in (ExitCode.RESUMABLE_STOP, _TERMINATED):
        return "The pod was asked to stop."
    if pod.deleting and code == _KILLED and pod.container.reason != "OOMKilled":
        return "The pod was deleted."
    return ""


def _seen_from_outside(pod: Pod) -> Failure:
    container, code = pod.container, pod.container.exit_code
    if container.reason == "OOMKilled":
        return failure("HostOutOfMemory", "The pod used more memory than its limit allows and was stopped.")
    if pod.reason == "Evicted":
        return failure("DiskFull", pod.message or "The pod was evicted because it used more storage than it may.")
    if code == _KILLED:
        return failure("HostOutOfMemory", "The worker was killed, most likely because its node ran out of memory.")
    if container.reason in ("StartError", "ContainerCannotRun"):
        return failure("InternalError", f"The worker's container could not start: {container.message[:500]}")
    if code is not None and code > _SIGNAL_BASE:
        return failure("InternalError", f"The worker crashed with signal {code - _SIGNAL_BASE}.")
    return failure("InternalError", f"The worker ended with status {code} and left no report.")
