"""What Kubernetes reports about a job in Events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.text import one_line

from .connection import Cluster, Document
from .times import parse_time


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job."""

    time: datetime
    warning: bool
    reason: str
    message: str
    uid: str


def path(cluster: Cluster) -> str:
    return f"/api/v1/namespaces/{cluster.namespace}/events"


def about(uid: str) -> dict[str, str]:
    """The query for the events of the object with this uid."""
    return {"fieldSelector": f"involvedObject.uid={uid}"}


def parse(document: Document) -> Event:
    """From the API server's JSON (core/v1, which also shows what was written through events.k8s.io)."""
    series = document.get("series") or {}
    moment = (
        series.get("lastObservedTime")
        or document.get("lastTimestamp")
        or document.get("eventTime")
        or document["metadata"]["creationTimestamp"]
    )
    return Event(
        time=parse_time(moment),
        warning=document.get("type") == "Warning",
        reason=one_line(document.get("reason") or ""),
        message=one_line(" ".join((document.get("message") or "").split())),
        uid=document["metadata"]["uid"],
    )


def recent(cluster: Cluster, uid: str) -> list[Event]:
    """What is still known of an object's events, oldest first; nothing where events may not be read."""
    try:
        documents = [item for page in cluster.pages(path(cluster), about(uid)) for item in page["items"]]
    except ReconstructionError as error:
        if error.code != "ClusterAccessDenied":
            raise
        return []
    return sorted(map(parse, documents), key=lambda event: event.time)
