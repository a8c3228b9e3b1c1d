"""A pod through which a job's files on volumes are read: restricted, read-only, and gone soon after."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import API_VERSION, GROUP, JOB_KIND, LABEL_JOB
from reconstruction_api.pod_security import pod_security_context
from reconstruction_api.profile import ProfileSpec

from .connection import Cluster, Document
from .jobs import Job
from .kept_profile import with_profile
from .pod_phases import ENDED, STARTED, Gone, NotInTime, pods_path, remove, remove_ended, wait_for

CONTAINER: Final = "files"
LABEL_DOWNLOAD: Final = f"{GROUP}/download"
"""Not the label of the workers' pods: the operator must not take this pod for one."""

_LONGEST_SECONDS: Final = 24 * 3600

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
def download_pod(
    cluster: Cluster, job: Job, mounts: Mapping[str, str], seconds: float, report: Callable[[str], None]
) -> Iterator[str]:
    """The name of a running pod that has volume claims where `mounts` says; it is removed in the end, whatever happens.
    `report` hears what the pod waits for.

    Raises ArtifactsNotReady when the job has never run, ProfileNotFound, ImagePullFailed, ArtifactStoreError when
    the pod does not start within `seconds`, and what `Cluster` raises.
    """
    remove_ended(cluster, f"{LABEL_DOWNLOAD}={job.name}")
    name = f"{job.name}-get-{secrets.token_hex(3)}"
    try:
        pod = cluster.call("POST", pods_path(cluster), body=manifest(with_profile(cluster, job), name, mounts)).body
        _wait_until_running(cluster, pod, seconds, report)
        yield name
    finally:
        remove(cluster, name)


def manifest(job: Job, name: str, mounts: Mapping[str, str]) -> Document:
    """The pod, with each claim of `mounts` at its path.

    It is placed and equipped as the job's profile asks for CPU pods, near a worker pod if one runs: some volumes
    can be used on one node only."""
    if job.status.profile is None:
        raise ReconstructionError("ArtifactsNotReady", f"{job.full_name} was not accepted yet.")
    volumes = {f"volume-{number}": claim for number, claim in enumerate(mounts)}
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
        "containers": [
            _container(image, profile.image_pull_policy, {volume: mounts[claim] for volume, claim in volumes.items()})
        ],
        "volumes": [
            {"name": volume, "persistentVolumeClaim": {"claimName": claim}} for volume, claim in volumes.items()
        ],
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


def _container(image: str, pull_policy: str, volumes: Mapping[str, str]) -> dict[str, Any]:
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
        "volumeMounts": [{"name": volume, "mountPath": path, "readOnly": True} for volume, path in volumes.items()],
    }


def _near_workers(job_name: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {LABEL_JOB: job_name}}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _wait_until_running(cluster: Cluster, pod: Document, seconds: float, report: Callable[[str], None]) -> None:
    try:
        pod = wait_for(
            cluster, pod, STARTED, seconds, lambda obstacle: report(f"waiting for the download pod: {obstacle}")
        )
    except NotInTime as late:
        raise _not_started(f"not within {seconds:.0f} s, as {late}") from None
    except Gone:
        raise _not_started("it ended at once (deleted)") from None
    if pod["status"]["phase"] in ENDED:
        raise _not_started(f"it ended at once ({pod['status'].get('reason') or pod['status']['phase']})")


def _not_started(why: str) -> ReconstructionError:
    return ReconstructionError(
        "ArtifactStoreError",
        f"The pod that reads the job's files did not start: {why}.",
        suggestion="Try again; `kubectl get events` shows more about the pod.",
    )
