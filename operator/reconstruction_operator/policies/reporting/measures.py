"""What a decision means in numbers: the difference between the status before and after it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from reconstruction_api.errors import CATALOGUE
from reconstruction_api.metric_names import Metric
from reconstruction_api.profile import ClassResources
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ClassRun, Condition, ConditionType, ReconstructionJobStatus, StageState
from reconstruction_api.training import Device

from ...model import Observed
from ...times import parse_time


@dataclass(frozen=True, slots=True)
class Measures:
    """Each field holds one entry for each thing that happened. Times in seconds, PSNR in decibels."""

    state: str
    """Stage that runs, or Succeeded, Failed, Cancelled, Suspended, Waiting."""
    finished: tuple[str, str] | None = None
    """Outcome and reason."""
    retries: tuple[tuple[str, str], ...] = ()
    """Resource class and catalogue code."""
    interruptions: tuple[str, ...] = ()
    """Resource class."""
    stage_seconds: tuple[tuple[str, float], ...] = ()
    admission_seconds: tuple[float, ...] = ()
    first_pod_seconds: tuple[float, ...] = ()
    status_lag_seconds: tuple[float, ...] = ()
    disrupted: frozenset[str] = frozenset()
    """All pods that are there and were preempted, evicted or lost with their node, by uid."""
    psnr: float | None = None
    waiting: str = ""
    """Why no pod works for the job, as Admitted says; empty when one does or none is wanted."""
    stalled: str = ""
    """Why the job makes no progress although it has not ended."""
    yielded: bool = False
    """The job has given its turn to one that waited, because there was no node for its pod."""
    gpu_seconds: float = 0
    """Running time of attempts that have just ended, times their GPUs."""
    artifact_bytes: int = 0
    """Of a job that has just succeeded. Artifacts are the files of its last stage: one that fails, or ends by its
    quality bar, has not come to it."""


def measures(observed: Observed, after: ReconstructionJobStatus, now: datetime) -> Measures:
    """`after` is the status that a decision about `observed` asks for."""
    before = observed.job.status
    finished = _finished(before, after)
    old = {run.digest: run for run in before.runs}
    changed = [(old[run.digest], run) for run in after.runs if run.digest in old and old[run.digest] != run]
    training = [(run, new) for run, new in changed if run.resource_class is ResourceClass.RECONSTRUCT]
    trained = sum(new.seconds - run.seconds for run, new in training)
    return Measures(
        state=_state(after),
        finished=finished,
        retries=tuple(
            (new.resource_class.value, _code(new.trouble))
            for run, new in changed
            if new.failures > run.failures and not new.ended
        ),
        interruptions=tuple(new.resource_class.value for run, new in changed if new.interruptions > run.interruptions),
        stage_seconds=_stage_seconds(before, after),
        admission_seconds=_admission_seconds(before, after),
        first_pod_seconds=_first_pod_seconds(observed, after, now),
        disrupted=frozenset(pod.uid for pod in observed.pods if pod.disrupted),
        status_lag_seconds=tuple(
            lag for run, new in changed if _is_over(run, new) for lag in _lags(observed, run.job_name, now)
        ),
        psnr=decibels(after, Metric.PSNR) if finished is not None and finished[0] == "Succeeded" else None,
        waiting=_waiting(after),
        stalled=_stalled(after),
        yielded=after.yield_time is not None and after.yield_time != before.yield_time,
        gpu_seconds=trained * _gpus(observed, after) if trained else 0,
        artifact_bytes=sum(each.size_bytes for each in after.artifacts) if finished is not None else 0,
    )


def _waiting(status: ReconstructionJobStatus) -> str:
    """The reason of Admitted while the job is to continue."""
    admitted, reconciling = (_condition(status, kind) for kind in (ConditionType.ADMITTED, ConditionType.RECONCILING))
    if admitted is None or reconciling is None or (admitted.status, reconciling.status) != ("False", "True"):
        return ""
    return admitted.reason


def _stalled(status: ReconstructionJobStatus) -> str:
    stalled = _condition(status, ConditionType.STALLED)
    return stalled.reason if stalled and stalled.status == "True" and status.completion_time is None else ""


def _gpus(observed: Observed, after: ReconstructionJobStatus) -> int:
    """How many GPUs the pods that train ask for."""
    spec = observed.job.spec
    if spec is None or after.profile is None or spec.training.device is Device.CPU:
        return 0
    hardware = ClassResources.model_validate(after.profile.spec.get("gpu") or {}, extra="ignore")
    counts = [str(count) for name, count in hardware.limits.items() if "gpu" in name.lower()]
    return sum(int(count) for count in counts if count.isdigit())


def _condition(status: ReconstructionJobStatus, kind: ConditionType) -> Condition | None:
    return next((condition for condition in status.conditions if condition.type == kind), None)


def _finished(before: ReconstructionJobStatus, after: ReconstructionJobStatus) -> tuple[str, str] | None:
    old, new = (_condition(status, ConditionType.SUCCEEDED) for status in (before, after))
    if new is None or new.status == "Unknown" or (old is not None and old.status == new.status):
        return None
    if after.completion_time is None:  # not accepted, which may pass
        return None
    return outcome(new.status, new.reason), new.reason


def outcome(status: str, reason: str) -> str:
    """How a job has ended, by its condition Succeeded."""
    if status == "True":
        return "Succeeded"
    return "Cancelled" if reason == "Cancelled" else "Failed"


def _state(status: ReconstructionJobStatus) -> str:
    succeeded, suspended = (_condition(status, kind) for kind in (ConditionType.SUCCEEDED, ConditionType.SUSPENDED))
    if succeeded is not None and succeeded.status != "Unknown":
        return outcome(succeeded.status, succeeded.reason)
    if suspended is not None and suspended.status == "True":
        return "Suspended"
    running = next((stage.name for stage in status.stages if stage.state == StageState.RUNNING), None)
    return running or "Waiting"


def _code(trouble: str) -> str:
    code = trouble.partition(":")[0]
    return code if code in CATALOGUE else "InternalError"


def _is_over(run: ClassRun, new: ClassRun) -> bool:
    return new.completed or new.ended or new.attempt > run.attempt


def _stage_seconds(before: ReconstructionJobStatus, after: ReconstructionJobStatus) -> tuple[tuple[str, float], ...]:
    done = {(stage.name, stage.digest) for stage in before.stages if stage.state == StageState.SUCCEEDED}
    seconds: list[tuple[str, float]] = []
    for stage in after.stages:
        start, end = parse_time(stage.start_time), parse_time(stage.completion_time)
        if stage.state == StageState.SUCCEEDED and (stage.name, stage.digest) not in done and start and end:
            seconds.append((stage.name, (end - start).total_seconds()))
    return tuple(seconds)


def _admission_seconds(before: ReconstructionJobStatus, after: ReconstructionJobStatus) -> tuple[float, ...]:
    old, new = (_condition(status, ConditionType.ADMITTED) for status in (before, after))
    if old is None or new is None or (old.status, new.status) != ("False", "True") or new.reason == "Finished":
        return ()
    wished, placed = parse_time(old.last_transition_time), parse_time(new.last_transition_time)
    return ((placed - wished).total_seconds(),) if wished and placed else ()


def _first_pod_seconds(observed: Observed, after: ReconstructionJobStatus, now: datetime) -> tuple[float, ...]:
    """When the first pod of a job's first attempt is seen running."""
    before = observed.job.status
    was, is_ = (_condition(status, ConditionType.ADMITTED) for status in (before, after))
    accepted = _condition(after, ConditionType.ACCEPTED)
    asked = parse_time(accepted.last_transition_time) if accepted is not None else None
    begins = is_ is not None and is_.reason == "Running" and (was is None or was.reason != "Running")
    if not begins or asked is None or len(observed.pods) != 1 or any(r.completed or r.attempt > 1 for r in after.runs):
        return ()
    return (max(0.0, (now - asked).total_seconds()),)


def _lags(observed: Observed, job_name: str, now: datetime) -> tuple[float, ...]:
    ends = [pod.container.ended for pod in observed.pods if pod.job_name == job_name and pod.container.ended]
    return (max(0.0, (now - max(ends)).total_seconds()),) if ends else ()


def decibels(status: ReconstructionJobStatus, metric: str) -> float | None:
    """A metric that is a finite number; None of any other."""
    try:
        psnr = float(status.metrics[metric])
    except (KeyError, ValueError):
        return None
    return psnr if math.isfinite(psnr) else None
