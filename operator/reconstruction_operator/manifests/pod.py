"""The worker pod: restricted, with the hardware of its resource class and nothing that a job's author can choose.

Image, nodes, service account, host paths and environment come from the profile alone.
"""

from __future__ import annotations

import json
from typing import Any

from reconstruction_api.baseline import explicit
from reconstruction_api.destination import Destination
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import (
    ENV_DEPTH_FUSION,
    ENV_GPU,
    ENV_JOB,
    ENV_PLAN,
    ENV_PROGRESS_URL,
    ENV_TOKEN_FILE,
    ENV_WORKSPACE_CLAIM,
    GPU_PROMISED,
    PROGRESS_AUDIENCE,
    PROGRESS_PATH,
    SOURCE_PATH,
    TERMINATION_LOG,
    WORKSPACE_PATH,
)
from reconstruction_api.plan import JobPlan, WorkerPlan, WorkerStage
from reconstruction_api.pod_equipment import environment, literal, mounts, volumes
from reconstruction_api.pod_security import pod_security_context
from reconstruction_api.profile import ClusterProfileSpec
from reconstruction_api.stages import reads_source
from reconstruction_api.status import ClassRun, StageState
from reconstruction_api.worker import Publishing, WorkerJob

from ..model import JobView
from .added_photos import added_mounts, added_volumes
from .allowances import network_access, publishing, source_limits
from .camera_path import camera_path_mounts, camera_path_volumes
from .child_names import claim_name
from .credentials import credential_mounts, credential_volumes
from .destination import destination_mounts, destination_volumes, earlier_mounts, earlier_volumes
from .placement import Placement, needs_device, placement
from .weights import weights_mounts, weights_volumes

CONTAINER = "worker"
LABEL_AZURE_IDENTITY = "azure.workload.identity/use"
_TOKEN_FOLDER = "/var/run/secrets/reconstruction.dev"
_TOKEN_SECONDS = 3600


def pod_spec(
    job: JobView,
    spec: ReconstructionJobSpec,
    run: ClassRun,
    profile: ClusterProfileSpec,
    source_claim: str | None,
    progress_url: str | None,
    remaining_seconds: int | None,
    plan: JobPlan | None = None,
    earlier: Destination | None = None,
) -> dict[str, Any]:
    """The pod of one attempt. Its deadline counts from its own start: waiting for a node is free."""
    placed = placement(spec, run.resource_class, profile, moved=job.status.abandoned_workspace is not None)
    source = source_claim if reads_source(run.resource_class) else None
    image = next(engine.image for engine in profile.engines if engine.name == spec.chosen_engine)
    document: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": profile.termination_grace_seconds,
        "securityContext": pod_security_context(profile),
        "containers": [_container(job, spec, run, profile, placed, image, source, progress_url, plan, earlier)],
        "volumes": [
            *_volumes(job, profile, source, progress_url),
            *added_volumes(spec, run.resource_class),
            *destination_volumes(spec, run.resource_class),
            *earlier_volumes(earlier),
            *credential_volumes(spec, run.resource_class),
            *camera_path_volumes(spec, run.resource_class),
            *weights_volumes(profile, run.resource_class),
        ],
    }
    if placed.node_selector:
        document["nodeSelector"] = placed.node_selector
    if placed.node_affinity:
        document["affinity"] = {"nodeAffinity": placed.node_affinity}
    if placed.tolerations:
        document["tolerations"] = list(placed.tolerations)
    if placed.runtime_class_name:
        document["runtimeClassName"] = placed.runtime_class_name
    if spec.priority_class_name:
        document["priorityClassName"] = spec.priority_class_name
    if profile.service_account_name:
        document["serviceAccountName"] = profile.service_account_name
    if profile.image_pull_secrets:
        document["imagePullSecrets"] = [{"name": name} for name in profile.image_pull_secrets]
    if remaining_seconds is not None:
        document["activeDeadlineSeconds"] = max(1, remaining_seconds)
    return document


def identity_labels(profile: ClusterProfileSpec) -> dict[str, str]:
    """Azure Workload Identity gives its token only to pods that ask for it; the other clouds go by the account."""
    return {LABEL_AZURE_IDENTITY: "true"} if profile.service_account_name else {}


def _container(
    job: JobView,
    spec: ReconstructionJobSpec,
    run: ClassRun,
    profile: ClusterProfileSpec,
    placed: Placement,
    image: str,
    source: str | None,
    progress_url: str | None,
    plan: JobPlan | None,
    earlier: Destination | None,
) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": profile.image_pull_policy,
        "command": ["python3", "-m", "reconstruction_worker"],
        "env": _environment(job, spec, run, profile, progress_url, plan, earlier),
        "resources": {"requests": placed.requests, "limits": placed.limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": TERMINATION_LOG,
        "volumeMounts": [
            *_mounts(profile, source, progress_url),
            *added_mounts(spec, run.resource_class),
            *destination_mounts(spec, run.resource_class),
            *earlier_mounts(earlier),
            *credential_mounts(spec, run.resource_class),
            *camera_path_mounts(spec, run.resource_class),
            *weights_mounts(profile, run.resource_class),
        ],
    }


def _environment(
    job: JobView,
    spec: ReconstructionJobSpec,
    run: ClassRun,
    profile: ClusterProfileSpec,
    progress_url: str | None,
    plan: JobPlan | None,
    earlier: Destination | None,
) -> list[dict[str, Any]]:
    """What the operator says comes last: neither a profile nor a secret replaces it."""
    order = WorkerJob(
        namespace=job.key.namespace,
        name=job.key.name,
        uid=job.uid,
        attempt=run.attempt,
        resource_class=run.resource_class,
        spec=_for_worker(spec),
        limits=source_limits(profile),
        accepted_licenses=profile.accepted_licenses,
        network=network_access(profile),
        publishing=publishing(profile) if spec.destination is not None else Publishing(),
        earlier_destination=earlier,
    )
    entries = environment(profile)
    # Without defaults: the worker's image may be older than the operator, and know no field that came later.
    document = order.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, exclude={"spec"})
    document["spec"] = explicit(order.spec, portable=True)
    own = {
        ENV_JOB: json.dumps(document, separators=(",", ":")),
        ENV_WORKSPACE_CLAIM: claim_name(job.key.name),
    }
    if needs_device(spec, profile):
        own[ENV_GPU] = GPU_PROMISED
    if spec.training.depth_fusion is not None:
        own[ENV_DEPTH_FUSION] = spec.training.depth_fusion.value
    if plan is not None:
        own[ENV_PLAN] = _worker_plan(job, run, plan).model_dump_json(by_alias=True, exclude_defaults=True)
    if progress_url:
        own[ENV_PROGRESS_URL] = progress_url.rstrip("/") + PROGRESS_PATH
        own[ENV_TOKEN_FILE] = f"{_TOKEN_FOLDER}/token"
    return list((entries | {name: literal(name, value) for name, value in own.items()}).values())


def _for_worker(spec: ReconstructionJobSpec) -> ReconstructionJobSpec:
    """Without what does not matter to a worker (the addresses of receivers may hold tokens), and without what is filled
    in that older workers do not know: they find it in the environment, or not at all."""
    training = spec.training.model_copy(update={"depth_fusion": None})
    return spec.model_copy(update={"operator_class": None, "notifications": None, "training": training})


def _worker_plan(job: JobView, run: ClassRun, plan: JobPlan) -> WorkerPlan:
    done = {(each.name, each.digest) for each in job.status.stages if each.state is StageState.SUCCEEDED}
    planned = plan.of_class(run.resource_class)
    return WorkerPlan(
        stages=[WorkerStage(**dict(each), completed=(each.name, each.digest) in done) for each in planned]
    )


def _mounts(profile: ClusterProfileSpec, source: str | None, progress_url: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "workspace", "mountPath": WORKSPACE_PATH},
        *mounts(profile),
    ]
    if progress_url:
        found.append({"name": "token", "mountPath": _TOKEN_FOLDER, "readOnly": True})
    if source:
        found.append({"name": "source", "mountPath": SOURCE_PATH, "readOnly": True})
    return found


def _volumes(
    job: JobView, profile: ClusterProfileSpec, source: str | None, progress_url: str | None
) -> list[dict[str, Any]]:
    """`source`, photos or another job's workspace, is mounted read-only, and only in pods that copy from it."""
    found: list[dict[str, Any]] = [
        {"name": "workspace", "persistentVolumeClaim": {"claimName": claim_name(job.key.name)}},
        *volumes(profile),
    ]
    if progress_url:
        token = {"audience": PROGRESS_AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": "token"}
        found.append({"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}})
    if source:
        found.append({"name": "source", "persistentVolumeClaim": {"claimName": source, "readOnly": True}})
    return found
