"""Waits for what becomes of a pod that a command has created, and removes it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from reconstruction_api.errors import ReconstructionError

from .connection import Cluster, Document
from .follow import Feed

ENDED: Final = ("Succeeded", "Failed")
STARTED: Final = ("Running", *ENDED)

_USUAL_REASONS: Final = ("ContainerCreating", "PodInitializing")
_PULL_REASONS: Final = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")


class NotInTime(Exception):  # noqa: N818 - shown to the user as a failure of the catalogue
    """The pod has not come so far; the text says what it waits for."""

    def __init__(self, obstacle: str, *, unschedulable: bool):
        super().__init__(obstacle)
        self.unschedulable = unschedulable
        """Whether no node takes the pod."""


class Gone(Exception):  # noqa: N818 - shown to the user as a failure of the catalogue
    """The pod was deleted."""


def wait_for(
    cluster: Cluster, pod: Document, phases: Collection[str], seconds: float, report: Callable[[str], None]
) -> Document:
    """The pod as soon as it is in one of the phases. `report` gets what it waits for, each time that is something else.

    Raises ImagePullFailed, NotInTime after so many seconds, Gone, and what `Cluster` raises.
    """
    uid, deadline = pod["metadata"]["uid"], time.monotonic() + seconds
    feed = Feed(cluster)
    only_it = {"fieldSelector": f"metadata.name={pod['metadata']['name']}"}
    feed.add("Pod", pods_path(cluster), only_it, known={uid: pod})
    obstacle, unschedulable = "it is not scheduled", False
    while time.monotonic() < deadline:
        change = feed.next(min(1.0, seconds))
        if change is None:
            continue
        status = change.document.get("status", {})
        if change.deleted:
            raise Gone
        if status.get("phase") in phases:
            return change.document
        found = _obstacle(status)
        if found and found != obstacle:
            report(found)
        obstacle = found or ("its container has not started" if _is_scheduled(status) else obstacle)
        unschedulable = _scheduled(status).get("reason") == "Unschedulable"
    raise NotInTime(obstacle, unschedulable=unschedulable)


def pods_path(cluster: Cluster) -> str:
    return f"/api/v1/namespaces/{cluster.namespace}/pods"


def remove(cluster: Cluster, name: str) -> None:
    """At once; what can't be removed ends by itself."""
    with contextlib.suppress(ReconstructionError):
        cluster.call("DELETE", f"{pods_path(cluster)}/{name}", query={"gracePeriodSeconds": "0"})


def remove_ended(cluster: Cluster, selector: str, is_left: Callable[[Document], bool] = lambda pod: True) -> None:
    """What commands that were killed have left behind: ended pods with these labels."""
    for page in cluster.pages(pods_path(cluster), {"labelSelector": selector}):
        for pod in page["items"]:
            if pod.get("status", {}).get("phase") in ENDED and is_left(pod):
                remove(cluster, pod["metadata"]["name"])


def _obstacle(status: dict[str, Any]) -> str:
    """What a pod waits for. Raises ImagePullFailed."""
    for container in status.get("containerStatuses") or []:
        waiting = container["state"].get("waiting") or {}
        if waiting.get("reason") in _PULL_REASONS:
            raise ReconstructionError("ImagePullFailed", f"{waiting['reason']}: {waiting.get('message', '')}")
        if waiting and waiting.get("reason") not in _USUAL_REASONS:
            return _text(waiting)
    scheduled = _scheduled(status)
    return _text(scheduled) if scheduled.get("status") == "False" else ""


def _is_scheduled(status: dict[str, Any]) -> bool:
    return _scheduled(status).get("status") == "True"


def _scheduled(status: dict[str, Any]) -> dict[str, Any]:
    return next((each for each in status.get("conditions") or [] if each["type"] == "PodScheduled"), {})


def _text(entry: dict[str, Any]) -> str:
    return f"{entry.get('reason', '')} {entry.get('message', '')}".strip()
