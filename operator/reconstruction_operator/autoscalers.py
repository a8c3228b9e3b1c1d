"""What autoscalers say of a pod for which there is no node: in Events, each in its own words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from .kube import Document, Kube
from .model import ScaleUp
from .paths import core_events
from .times import parse_time

_MAKING = ("TriggeredScaleUp", "Nominated")
"""Reasons by which the cluster autoscaler, and Karpenter, say that a node is being made for the pod."""
_NOT_MAKING = ("NotTriggerScaleUp", "FailedScaleUp")
"""No node is being made, whatever was said before."""


async def latest_scale_up(kube: Kube, namespace: str, pod_uid: str) -> ScaleUp | None:
    """Of a pod: what was said last of a node for it, unless that was that none is made.

    Raises what `Kube.list` raises.
    """
    events = [event async for event in kube.list(core_events(namespace), fields=f"involvedObject.uid={pod_uid}")]
    return scale_up_in(events)


def scale_up_in(events: Iterable[Document]) -> ScaleUp | None:
    """As above, of Events about one pod, in any order."""
    told = [(moment, event) for event in events if _is_told(event) and (moment := _time(event)) is not None]
    if not told:
        return None
    at, last = max(told, key=lambda each: each[0])
    return ScaleUp(at, last.get("message") or "") if last["reason"] in _MAKING else None


def _is_told(event: Document) -> bool:
    return event.get("reason") in (*_MAKING, *_NOT_MAKING)


def _time(event: Document) -> datetime | None:
    """Of the last time that it was said."""
    series: dict[str, Any] = event.get("series") or {}
    said = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return parse_time(said or event["metadata"].get("creationTimestamp"))
