"""What the cluster says of a job that can't continue, in words that lead to a next step.

Each obstacle has a code of the catalogue. None of them is a failure: hardware, quota and volumes are waited for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconstruction_api.errors import CATALOGUE

_PREEMPTION = re.compile(r"\s*preemption: .*$", re.DOTALL)
_SHORT_OF = re.compile(r"Insufficient (\S+?)[,.]?(?=\s|$)")
_POD_NAME = re.compile(r'^(?:\(combined from similar events\): )?Error creating: (?:pods? "[^"]+" is forbidden: )?')
_NO_ANSWER = (
    *("connection refused", "connection reset by peer", "no route to host", "i/o timeout", "unexpected EOF", ": EOF"),
    *("TLS handshake timeout", "http2: client connection", "etcdserver: ", "context deadline exceeded"),
    *("server is currently unable to handle the request", "server was unable to return a response"),
    *("Timeout: request did not complete", "apiserver is shutting down", "no leader"),
)
"""Words of Go's net and net/http, of etcd and of the API server for a request without an answer: nothing refused it."""
_WEBHOOK = "webhook"
"""An admission webhook that does not answer is somebody's to repair, and its name stands in the message."""
_OWN_PORT = re.compile(r"\b(read|write) tcp \S+?->")
_SELECTOR = "didn't match Pod's node affinity/selector"
_ELSEWHERE = ("volume node affinity conflict", "didn't match PersistentVolume's node affinity")
"""The scheduler says so only of nodes that would take the pod otherwise; the words before and since Kubernetes 1.34."""
SOURCE_IN_USE = "SourceInUse"
_ONE_POD = "ReadWriteOncePod access mode"
_ATTACHED = re.compile(r'Multi-Attach error for volume "(?P<volume>[^"]*)"')
NOT_ADMITTING = "QueueNotAdmitting"
_NOT_ADMITTING = (
    *("doesn't exist", "not found", "is inactive", "is stopped", "there is no Kueue"),
    *("maximum capacity", "unavailable in ClusterQueue", "doesn't match", "untolerated taint"),
    *("resources validation failed", "didn't satisfy LimitRange"),
)
"""Kueue's words (pkg/scheduler and pkg/controller/core of 0.15) for what no other workload's end changes: a queue that
is missing or stopped, and a pod that asks for more, or for something else, than the whole quota is."""
_IN_USE = ("insufficient unused quota", "preemption")
WORKSPACE_ELSEWHERE = "WorkspaceElsewhere"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A code of the catalogue, what is in the way, and what to do about it."""

    code: str
    message: str


def unscheduled(message: str, volume_location: str = "") -> Obstacle:
    """The scheduler's words about a pod for which it has found no node. `volume_place` says where the workspace's
    volume is (`zone a`), if that is known."""
    said = _PREEMPTION.sub("", message).strip()
    short_of = list(dict.fromkeys(_SHORT_OF.findall(said)))
    gpus = [name for name in short_of if "gpu" in name.lower()]
    if any(words in said for words in _ELSEWHERE):
        where = f" ({volume_location})" if volume_location else ""
        what = f"The workspace's volume{where} can't be reached from the nodes that could run the pod."
        return _obstacle(WORKSPACE_ELSEWHERE, what, said)
    if gpus:
        return _obstacle("GPUUnavailable", f"No node has a free GPU ({gpus[0]}).", said)
    if "unbound immediate PersistentVolumeClaims" in said:
        return _obstacle("VolumeUnavailable", "A volume of the pod does not exist yet.", said)
    if short_of:
        return _obstacle("Unschedulable", f"No node has enough {', '.join(short_of)} left.", said)
    if said.startswith("no nodes available"):
        return _obstacle("Unschedulable", "The cluster has no nodes.", "")
    if _SELECTOR in said:
        return _obstacle("Unschedulable", "No node has the labels that the profile asks for.", said)
    return _obstacle("Unschedulable", "No node accepts the pod.", said)


def not_created(message: str) -> Obstacle:
    """Why the API server refuses an object: to the operator, or to the Job controller that wants the pod."""
    said = _OWN_PORT.sub(r"\1 tcp ", _POD_NAME.sub("", message)).strip()
    if "exceeded quota" in said:
        return _obstacle("QuotaExceeded", "The namespace's quota is used up.", said)
    if _WEBHOOK not in said and any(words in said for words in _NO_ANSWER):
        return _obstacle("ControlPlaneUnavailable", "The cluster could not create what the job needs.", said)
    return _obstacle("CreationRefused", "The cluster refuses what the job needs.", said)


def no_volume(message: str) -> Obstacle:
    """What was said of a claim to which no volume has been bound."""
    return _obstacle("VolumeUnavailable", "The workspace's volume can't be provisioned.", message)


def not_starting(message: str) -> Obstacle:
    """What was said of a pod that has a node and does not start."""
    return _obstacle("PodNotStarting", "The pod has a node but does not start.", message)


def source_in_use(said: str, workspace_volume: str) -> Obstacle | None:
    """What the scheduler, or the controller that attaches volumes, says of a pod that reads from a claim which only one
    pod, or the pods of one node, may use. The workspace, on `workspace_volume`, has no other users."""
    attached = _ATTACHED.search(said)
    if _ONE_POD in said or (attached is not None and attached["volume"] != workspace_volume):
        return _obstacle(SOURCE_IN_USE, "The volume claim that the job reads from is in use.", said)
    return None


def queued(queue: str, said: str) -> Obstacle:
    """What Kueue says of a Job that it has not admitted. It tries several flavors of hardware: one that is only in use
    is enough to wait for."""
    if any(words in said for words in _NOT_ADMITTING) and not any(words in said for words in _IN_USE):
        return _obstacle(NOT_ADMITTING, f"Kueue's queue {queue!r} can't admit the pod.", said)
    return _obstacle("Queued", f"The pod waits in Kueue's queue {queue!r}.", said)


def _obstacle(code: str, what: str, said: str) -> Obstacle:
    quoted = f" {_speaker(code)} says: {_sentence(said)}" if said else ""
    return Obstacle(code, f"{what}{quoted} {CATALOGUE[code].suggestion}")


def _speaker(code: str) -> str:
    return "Kueue" if code in ("Queued", NOT_ADMITTING) else "The cluster"


def _sentence(text: str) -> str:
    short = text if len(text) <= 600 else f"{text[:600]}..."
    return short if short.endswith((".", "!", "?")) else f"{short}."
