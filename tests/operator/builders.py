"""Small objects for tests of decisions: a job, its profile, its children, with what matters to a test and no more."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import PROGRESS_AUDIENCE
from reconstruction_api.stages import ResourceClass, StageName
from reconstruction_api.status import ClassRun, ReconstructionJobStatus
from reconstruction_api.worker import PodReport, Progress, ProgressUpdate, StageResult
from reconstruction_operator.actions import Action, Plan
from reconstruction_operator.decide import decide
from reconstruction_operator.manifests.child_names import child_job_name, claim_name
from reconstruction_operator.model import (
    ChildJob,
    Claim,
    Container,
    JobView,
    Observed,
    Pod,
    ProfileView,
    UpstreamJob,
)
from reconstruction_operator.policies.control.needs import Need, needs_of

from .acting import carried_out
from .samples import KEY, NOW, PROFILE_SPEC, SPEC, UID, artifact
from .samples import failure as failure

PREPARE, RECONSTRUCT, DELIVER = ResourceClass


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def spec_of(**fields: Any) -> ReconstructionJobSpec:
    """A spec with these top-level fields (camelCase)."""
    return ReconstructionJobSpec.model_validate(SPEC | fields)


def job_view(
    spec: ReconstructionJobSpec | None = None, status: ReconstructionJobStatus | None = None, generation: int = 1
) -> JobView:
    status = status or ReconstructionJobStatus()
    return JobView(
        key=KEY,
        uid=UID,
        generation=generation,
        resource_version="1",
        deleting=False,
        spec=spec or spec_of(),
        spec_error="",
        status=status,
    )


def cluster_profile(name: str = "default", generation: int = 1, **fields: Any) -> ProfileView:
    return ProfileView("", name, generation, PROFILE_SPEC | fields)


def observed(spec: ReconstructionJobSpec | None = None, **fields: Any) -> Observed:
    """A job that was just created, with the profile it names."""
    fields.setdefault("job", job_view(spec))
    fields.setdefault("profile", cluster_profile())
    fields.setdefault("profile_names", ("default",))
    return Observed(**fields)


def upstream_job(**fields: Any) -> UpstreamJob:
    """The job that spec.source.jobRef names: it has poses, and trains."""
    known: dict[str, Any] = {
        "name": "base",
        "uid": "uid-of-base",
        "deleting": False,
        "engine": "nerfacto",
        "runs": frozenset(StageName),
        "done": frozenset({"ingest", "poses"}),
        "claim": "base-workspace",
        "files_gone": "",
        "current": True,
        "failed": "",
        "doing": "is at stage train",
    }
    return UpstreamJob(**(known | fields))


def workspace(**fields: Any) -> Claim:
    known: dict[str, Any] = {"name": claim_name(KEY.name), "uid": "uid-of-claim", "parent_uid": UID, "phase": "Bound"}
    return Claim(**(known | fields))


def need_of(resource_class: ResourceClass, spec: ReconstructionJobSpec | None = None) -> Need:
    return next(need for need in needs_of(spec or spec_of()) if need.resource_class == resource_class)


def run_of(resource_class: ResourceClass, spec: ReconstructionJobSpec | None = None, **fields: Any) -> ClassRun:
    """The record of a class's current attempt."""
    need, attempt = need_of(resource_class, spec), fields.get("attempt", 1)
    name = child_job_name(KEY.name, UID, resource_class, need.digest, attempt)
    known = {"resource_class": resource_class, "digest": need.digest, "attempt": attempt, "job_name": name}
    return ClassRun(**(known | fields))


def child_of(run: ClassRun, **fields: Any) -> ChildJob:
    known: dict[str, Any] = {
        "name": run.job_name,
        "uid": f"uid-of-{run.job_name}",
        "parent_uid": UID,
        "resource_class": run.resource_class,
        "digest": run.digest[:16],
        "attempt": run.attempt,
        "created": NOW,
    }
    return ChildJob(**(known | fields))


def pod_of(run: ClassRun, phase: str = "Running", **fields: Any) -> Pod:
    known: dict[str, Any] = {
        "name": f"{run.job_name}-abcde",
        "uid": f"uid-of-pod-of-{run.job_name}",
        "parent_uid": UID,
        "job_name": run.job_name,
        "phase": phase,
        "created": NOW,
        "scheduled": NOW,
        "container": Container(started=NOW) if phase == "Running" else Container(),
    }
    return Pod(**(known | fields))


def worker_token(pod: Pod, namespace: str = KEY.namespace, signature: str = "signed", **changes: Any) -> str:
    """A projected token that names the pod, as the kubelet hands one out; `changes` replace claims."""
    bound = {"namespace": namespace, "pod": {"name": pod.name, "uid": pod.uid}, "serviceaccount": {"name": "default"}}
    claims = {"aud": [PROGRESS_AUDIENCE], "exp": 4_000_000_000, "iss": "https://cluster", "kubernetes.io": bound}
    parts = [orjson.dumps({"alg": "RS256", "kid": "k"}), orjson.dumps(claims | changes), signature.encode()]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def ended(run: ClassRun, exit_code: int | None, report: PodReport | None = None, **fields: Any) -> Pod:
    """A pod whose container ended after 10 seconds."""
    container = Container(
        started=NOW,
        ended=NOW + seconds(10),
        exit_code=exit_code,
        reason=fields.pop("container_reason", "Completed" if exit_code == 0 else "Error"),
        message=report.to_termination_message() if report is not None else "",
    )
    return pod_of(run, "Succeeded" if exit_code == 0 else "Failed", container=container, **fields)


def report_of(resource_class: ResourceClass, spec: ReconstructionJobSpec | None = None, **fields: Any) -> PodReport:
    """What a pod says whose stages have all completed."""
    stages = [
        StageResult(name=StageName(name), digest=digest, seconds=1, message=f"{name} done")
        for name, digest in need_of(resource_class, spec).stages.items()
    ]
    if resource_class is DELIVER:
        fields.setdefault("artifacts", [artifact("model.glb")])
    return PodReport(stages=stages, **fields)


def update(run: ClassRun, stage: str, percent: float, sequence: int = 1, **fields: Any) -> ProgressUpdate:
    return ProgressUpdate(
        namespace=KEY.namespace,
        name=KEY.name,
        uid=UID,
        attempt=run.attempt,
        resource_class=run.resource_class,
        sequence=sequence,
        progress=Progress(stage=StageName(stage), percent=percent),
        **fields,
    )


def condition(status: ReconstructionJobStatus, kind: str) -> tuple[str, str]:
    """Status and reason."""
    found = next(each for each in status.conditions if each.type == kind)
    return found.status, found.reason


def message(status: ReconstructionJobStatus, kind: str) -> str:
    return next(each for each in status.conditions if each.type == kind).message


def actions(plan: Plan, kind: type[Action]) -> list[Any]:
    return [action for action in plan.actions if isinstance(action, kind)]


def settled(before: Observed, now: datetime = NOW) -> tuple[Observed, Plan]:
    """Decide, carry out; the plan, and what is observed afterwards."""
    plan = decide(before, now)
    return carried_out(before, plan), plan


def started(resource_class: ResourceClass, spec: ReconstructionJobSpec | None = None, **fields: Any) -> Observed:
    """A job whose given class has just been started, all earlier ones done."""
    now_observed, _ = settled(observed(spec, **fields))
    for each in ResourceClass:
        run = now_observed.job.status.runs[-1]
        if each is resource_class:
            return now_observed
        child = replace(now_observed.child_jobs[-1], succeeded=True, ended=NOW)
        pods = (*now_observed.pods, ended(run, 0, report_of(each, spec)))
        now_observed = replace(now_observed, child_jobs=(*now_observed.child_jobs[:-1], child), pods=pods)
        now_observed, _ = settled(now_observed)
    raise AssertionError("no such class")


def current(seen: Observed) -> ClassRun:
    """The run that was started last."""
    return seen.job.status.runs[-1]


def changed(seen: Observed, **fields: Any) -> Observed:
    """After a change of the spec, which has then these fields."""
    job = seen.job
    return replace(seen, job=replace(job, spec=spec_of(**fields), generation=job.generation + 1))


def states(seen: Observed) -> dict[str, str]:
    """The state of each stage in the job's status."""
    return {stage.name: stage.state.value for stage in seen.job.status.stages}


def with_pod(seen: Observed, pod: Pod, **child: Any) -> Observed:
    """The current child Job changed, and with this pod."""
    others = tuple(each for each in seen.child_jobs if each.name != pod.job_name)
    job = next(each for each in seen.child_jobs if each.name == pod.job_name)
    pods = tuple(each for each in seen.pods if each.name != pod.name)
    return replace(seen, child_jobs=(*others, replace(job, **child)), pods=(*pods, pod))
