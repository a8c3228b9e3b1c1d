"""A pod through which a job's files are read: restricted, read-only, and gone soon after."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from pydantic import ValidationError

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import API_VERSION, GROUP, JOB_KIND, LABEL_JOB, WORKSPACE_PATH
from reconstruction_api.pod_security import pod_security_context
from reconstruction_api.profile import ProfileSpec

from .connection import Cluster, Document
from .follow import Feed
from .jobs import Job
from .kept_profile import with_profile

CONTAINER: Final = "files"
LABEL_DOWNLOAD: Final = f"{GROUP}/download"
"""Not the label of the workers' pods: the operator must not take this pod for one."""

_LONGEST_SECONDS: Final = 24 * 3600
_USUAL_REASONS: Final = ("ContainerCreating", "PodInitializing")
_PULL_REASONS: Final = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")

_WAIT_FOR_READERS: Final = """
import os, time
idle = 0
while idle < 120:
    time.sleep(5)
    others = any(name.isdigit() and name != str(os.getpid()) for name in os.listdir("/proc"))
    idle = 0 if others else idle + 5
"""
"""Ends two minutes after the last file was read, also when nobody is there to remove the pod."""


@contextlib.contextmanager
def download_pod(cluster: Cluster, job: Job, seconds: float, report: Callable[[str], None]) -> Iterator[str]:
    """The name of a running pod that has the job's workspace below WORKSPACE_PATH; it is removed in the end, whatever
    happens. `tell` hears what the pod waits for.

    Raises ArtifactsNotReady when the job has no workspace, ProfileNotFound, ImagePullFailed, ArtifactStoreError when
    the pod does not start within `seconds`, and what `Cluster` raises.
    """
    pods = f"/api/v1/namespaces/{cluster.namespace}/pods"
    _remove_ended(cluster, pods, job)
    name = f"{job.name}-get-{secrets.token_hex(3)}"
    try:
        pod = cluster.call("POST", pods, body=manifest(with_profile(cluster, job), name)).body
        _wait_until_running(cluster, pods, pod, seconds, report)
        yield name
    finally:
        _remove(cluster, f"{pods}/{name}")


def manifest(job: Job, name: str) -> Document:
    """The pod, placed and equipped as the job's profile asks for CPU pods, near a worker pod if one runs: some volumes
    can be used on one node only."""
    if job.status.workspace_claim is None or job.status.profile is None:
        raise ReconstructionError("ArtifactsNotReady", f"{job.full_name} has no workspace.")
    try:
        profile = ProfileSpec.model_validate(job.status.profile.spec, extra="ignore")
        image = next(engine.image for engine in profile.engines if engine.name == job.engine)
    except (ValidationError, StopIteration):
        message = f"Profile '{job.status.profile.name}' has no image for engine '{job.engine}'."
        raise ReconstructionError("EngineUnavailable", message) from None
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": _LONGEST_SECONDS,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security_context(profile),
        "affinity": _near_workers(job.name),
        "containers": [_container(image, profile.image_pull_policy)],
        "volumes": [{"name": "workspace", "persistentVolumeClaim": {"claimName": job.status.workspace_claim}}],
    }
    optional = {
        "nodeSelector": dict(profile.cpu.node_selector),
        "tolerations": list(profile.cpu.tolerations),
        "runtimeClassName": profile.cpu.runtime_class_name,
        "serviceAccountName": profile.service_account_name,
        "imagePullSecrets": [{"name": name} for name in profile.image_pull_secrets],
    }
    spec |= {name: value for name, value in optional.items() if value}
    owner = {"apiVersion": API_VERSION, "kind": JOB_KIND, "name": job.name, "uid": job.uid}
    labels = {LABEL_DOWNLOAD: job.name, "app.kubernetes.io/part-of": "reconstruction"}
    metadata = {"name": name, "labels": labels, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _container(image: str, pull_policy: str) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": pull_policy,
        "command": ["python3", "-I", "-c", _WAIT_FOR_READERS],
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "workspace", "mountPath": WORKSPACE_PATH, "readOnly": True}],
    }


def _near_workers(job_name: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {LABEL_JOB: job_name}}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _wait_until_running(
    cluster: Cluster, pods: str, pod: Document, seconds: float, report: Callable[[str], None]
) -> None:
    uid, deadline = pod["metadata"]["uid"], time.monotonic() + seconds
    feed = Feed(cluster)
    feed.add("Pod", pods, {"fieldSelector": f"metadata.name={pod['metadata']['name']}"}, known={uid: pod})
    obstacle = "it is not scheduled"
    while time.monotonic() < deadline:
        change = feed.next(min(1.0, seconds))
        if change is None:
            continue
        status = change.document.get("status", {})
        if change.deleted or status.get("phase") in ("Succeeded", "Failed"):
            raise _not_started(f"it ended at once ({status.get('reason') or 'deleted'})")
        if status.get("phase") == "Running":
            return
        if (found := _obstacle(status)) and found != obstacle:
            obstacle = found
            report(f"waiting for the download pod: {obstacle}")
    raise _not_started(f"not within {seconds:.0f} s, as {obstacle}")


def _obstacle(status: dict[str, Any]) -> str:
    """What a pod waits for. Raises ImagePullFailed."""
    for container in status.get("containerStatuses") or []:
        waiting = container["state"].get("waiting") or {}
        if waiting.get("reason") in _PULL_REASONS:
            raise ReconstructionError("ImagePullFailed", f"{waiting['reason']}: {waiting.get('message', '')}")
        if waiting and waiting.get("reason") not in _USUAL_REASONS:
            return f"{waiting.get('reason', '')} {waiting.get('message', '')}".strip()
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', '')} {condition.get('message', '')}".strip()
    return ""


def _not_started(why: str) -> ReconstructionError:
    return ReconstructionError(
        "ArtifactStoreError",
        f"The pod that reads the job's files did not start: {why}.",
        suggestion="Try again; `kubectl get events` shows more about the pod.",
    )


def _remove_ended(cluster: Cluster, pods: str, job: Job) -> None:
    """What a download that was killed has left behind."""
    selector = {"labelSelector": f"{LABEL_DOWNLOAD}={job.name}"}
    for page in cluster.pages(pods, selector):
        for pod in page["items"]:
            if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                _remove(cluster, f"{pods}/{pod['metadata']['name']}")


def _remove(cluster: Cluster, path: str) -> None:
    """At once; what can't be removed ends by itself."""
    with contextlib.suppress(ReconstructionError):
        cluster.call("DELETE", path, query={"gracePeriodSeconds": "0"})
