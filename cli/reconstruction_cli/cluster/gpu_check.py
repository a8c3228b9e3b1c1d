"""Runs the check of a GPU where a profile's jobs would train."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.text import one_line

from .connection import Cluster, Document
from .gpu_check_pod import HAS_NO_CHECK, LABEL_GPU_CHECK, LONGEST_SECONDS, image_of, manifest
from .interruption import one_interruption
from .pod_logs import records
from .pod_phases import ENDED, STARTED, Gone, NotInTime, pods_path, remove, remove_ended, wait_for
from .profiles import Profile, get_profile
from .times import parse_time

_IN_TABLE = "|"
"""How the lines of the check's table begin."""


def check_gpu(
    cluster: Cluster, profile_name: str, *, engine: str | None, seconds: float, arguments: tuple[str, ...]
) -> int:
    """Have a pod of a profile check its GPU; the exit status of the check. Its table is printed, what it says besides
    goes to standard error. The pod is removed in the end, whatever happens.

    `seconds` limits the wait for the pod; `arguments` are the check's own. Raises ProfileNotFound, EngineUnavailable,
    GPUUnavailable, ImagePullFailed, PodNotStarting, HostOutOfMemory, Preempted, and what `Cluster` raises.
    """
    profile = get_profile(cluster, profile_name)
    image = image_of(profile, engine)
    name = f"recon-gpu-check-{secrets.token_hex(3)}"
    document = manifest(profile, image, name, arguments)
    remove_ended(cluster, LABEL_GPU_CHECK, _is_left)
    with one_interruption():
        try:
            pod = cluster.call("POST", pods_path(cluster), body=document).body
            pod = _started(cluster, pod, profile, seconds)
            _tell(f"Pod {name} checks the GPU of {_where(pod)} with image {image}.")
            for _, line in records(cluster, pod, None, follow=True):
                click.echo(one_line(line), err=not line.startswith(_IN_TABLE))
            return _status(wait_for(cluster, pod, ENDED, LONGEST_SECONDS, _tell), image)
        except Gone:
            raise ReconstructionError("Preempted", f"Pod {name} was deleted.", suggestion="Try again.") from None
        finally:
            remove(cluster, name)


def _started(cluster: Cluster, pod: Document, profile: Profile, seconds: float) -> Document:
    try:
        return wait_for(cluster, pod, STARTED, seconds, lambda obstacle: _tell(f"The pod waits: {obstacle}"))
    except NotInTime as late:
        devices = ", ".join(f"{name}: {count}" for name, count in profile.spec.gpu.limits.items() if "/" in name)
        if late.unschedulable:
            raise ReconstructionError(
                "GPUUnavailable",
                f"No node took a pod of {profile.full_name} ({devices}) within {seconds:.0f} s: {late}",
                suggestion="Compare spec.gpu of the profile (limits, nodeSelector, tolerations) with the nodes: "
                "`kubectl describe nodes` shows their devices, labels and taints. Where nodes are made on demand, "
                "wait longer with --timeout.",
            ) from None
        raise ReconstructionError(
            "PodNotStarting",
            f"The pod did not start within {seconds:.0f} s: {late}",
            suggestion="Show the platform team what the cluster says, or wait longer with --timeout.",
        ) from None


def _status(pod: Document, image: str) -> int:
    """The check's exit status, of a pod that has ended."""
    status: dict[str, Any] = pod["status"]
    container = next(iter(status.get("containerStatuses") or []), {})
    ended = container.get("state", {}).get("terminated") or {}
    code, reason = ended.get("exitCode"), ended.get("reason") or status.get("reason") or ""
    if code == HAS_NO_CHECK or reason in ("StartError", "ContainerCannotRun"):
        raise ReconstructionError(
            "EngineUnavailable",
            f"Image {image} has no check of a GPU: it is no worker's, or of an earlier release."
            + (f" {one_line(ended['message'])}" if ended.get("message") else ""),
            suggestion="Ask the platform team for the worker image of this release, or name another engine of the "
            "profile with --engine.",
        )
    if reason == "OOMKilled":
        raise ReconstructionError(
            "HostOutOfMemory",
            "The check exceeded the memory limit of its pod.",
            suggestion="Raise memory in spec.gpu.limits of the profile.",
        )
    if code is None or status.get("reason"):
        why = one_line(f"{reason or 'no reason is known'} {status.get('message') or ''}").strip()
        raise ReconstructionError("Preempted", f"The pod was ended: {why}.", suggestion="Try again.")
    return int(code)


def _where(pod: Document) -> str:
    return f"node {pod['spec']['nodeName']}" if pod["spec"].get("nodeName") else "a node"


def _is_left(pod: Document) -> bool:
    """Whether nobody can be reading the pod's log any more."""
    created = parse_time(pod["metadata"]["creationTimestamp"])
    return datetime.now(UTC) - created > timedelta(seconds=LONGEST_SECONDS)


def _tell(text: str) -> None:
    click.echo(one_line(text), err=True)
