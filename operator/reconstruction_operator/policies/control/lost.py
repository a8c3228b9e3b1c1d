"""Pods that should have stopped and don't: their node is lost, and nobody confirms that they are gone.

Kubernetes waits for the node's return without end, because it can't know whether the pod still runs. After a while the
pod is given up: its object is removed by force, and its work continues elsewhere. A volume that only one node may write
protects the workspace meanwhile; one that many nodes may write does not, so there a person has to decide.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.errors import CATALOGUE
from reconstruction_api.profile import ProfileSpec

from ...actions import DeletePod
from ...model import Observed, Pod, Policy
from ...times import format_time

CODE = "NodeLost"
_USUAL = timedelta(seconds=15)
"""Within this time after its grace period a pod is gone, if its node is well."""


def is_overdue(pod: Pod, now: datetime) -> bool:
    """Whether the pod should be gone by now."""
    return pod.stop_by is not None and not pod.finished and now >= pod.stop_by + _USUAL


def given_up(pod: Pod, policy: Policy, now: datetime) -> bool:
    """Whether the pod counts as lost."""
    moment = _give_up_time(pod, policy)
    return moment is not None and is_overdue(pod, now) and now >= moment


def explanation(pod: Pod, policy: Policy) -> str:
    """Why nothing runs."""
    node, since, until = pod.node or "its node", pod.stop_by, _give_up_time(pod, policy)
    if since is None or until is None:
        return CATALOGUE[CODE].suggestion
    return (
        f"Pod {pod.name} should have stopped at {format_time(since)}, but {node} does not confirm it. Unless it does, "
        f"the pod is given up at {format_time(until)}. {CATALOGUE[CODE].suggestion}"
    )


def removals(observed: Observed, profile: ProfileSpec | None, now: datetime) -> tuple[DeletePod, ...]:
    """Objects of lost pods, to be removed by force."""
    if profile is None or "ReadWriteMany" in profile.workspace.access_modes:
        return ()
    lost = [pod for pod in observed.pods if given_up(pod, observed.policy, now)]
    return tuple(DeletePod(pod.name, pod.uid, 0) for pod in lost)


def next_look(observed: Observed, now: datetime) -> list[datetime]:
    """When a pod that is asked to stop is overdue, and when it is given up."""
    moments: list[datetime] = []
    for pod in observed.pods:
        if pod.stop_by is not None and not pod.finished:
            moments += [pod.stop_by + _USUAL, pod.stop_by + timedelta(seconds=observed.policy.lost_pod_seconds)]
    return [moment for moment in moments if moment > now]


def _give_up_time(pod: Pod, policy: Policy) -> datetime | None:
    return pod.stop_by + timedelta(seconds=policy.lost_pod_seconds) if pod.stop_by is not None else None
