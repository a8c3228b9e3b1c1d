"""For how long pods have run, those that are gone included: what deadlines and the hours of hardware are counted by.

A preempted pod's object is deleted, and its replacement knows nothing of it. So each pod of an attempt is noted in the
status while it is there; once it is gone, its time becomes part of the run's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.status import ClassRun, PodTime

from ...model import Observed, Pod
from ...times import format_time, parse_time
from .attempt import pods_of

_STEP = timedelta(seconds=60)
"""A pod can't have run for longer than it exists; a node's clock that is set meanwhile may say otherwise."""


def noted(run: ClassRun, observed: Observed, now: datetime) -> ClassRun:
    """The run with the times of its pods as they are now."""
    pods = pods_of(run, observed)
    known = {each.uid: each for each in run.pods}
    times = known | {
        pod.uid: _time_of(pod, pod.container.started, known.get(pod.uid), now)
        for pod in pods
        if pod.container.started is not None
    }
    there = {pod.uid for pod in pods}
    gone = sum(_seconds(each, now) for uid, each in times.items() if uid not in there)
    kept = [each for uid, each in times.items() if uid in there]
    if not gone and kept == run.pods:
        return run
    return run.model_copy(update={"seconds": run.seconds + round(gone), "pods": kept})


def replaced_pods(run: ClassRun, observed: Observed) -> list[Pod]:
    """Pods of the attempt in whose place Kubernetes has made another one, and that have not been counted yet."""
    counted = {each.uid for each in run.pods if each.replaced}
    return [pod for pod in pods_of(run, observed)[:-1] if pod.disrupted and pod.uid not in counted]


def marked(run: ClassRun, pod: Pod, now: datetime) -> ClassRun:
    """The run with the pod noted as replaced, whether or not its container had started."""
    known = next((each for each in run.pods if each.uid == pod.uid), None)
    if known is None:
        moment = format_time(pod.created or now)
        known = PodTime(uid=pod.uid, started=moment, ended=moment)
    others = [each for each in run.pods if each.uid != pod.uid]
    return run.model_copy(update={"pods": [*others, known.model_copy(update={"replaced": True})]})


def running_seconds(run: ClassRun, observed: Observed, now: datetime) -> float:
    """For how long the containers of the noted pods have run, up to now. On a lost node nobody says when one ended:
    at the latest when its grace period was over."""
    stop_by = {pod.uid: pod.stop_by for pod in pods_of(run, observed)}
    return sum(_seconds(each, min(now, stop_by.get(each.uid) or now)) for each in run.pods)


def _time_of(pod: Pod, started: datetime, known: PodTime | None, now: datetime) -> PodTime:
    """A container's times are those of its node's clock, which may be hours off: the pod was created before, and has
    started by now. What was noted first stays, and the end is as much later as the node says."""
    begun = parse_time(known.started) if known is not None else None
    if begun is None:
        begun = min(max(started, pod.created or started), now)
    ended = None
    if pod.container.ended is not None:
        longest = max(now - (pod.created or begun), timedelta()) + _STEP
        ended = format_time(begun + min(max(pod.container.ended - started, timedelta()), longest))
    replaced = known.replaced if known is not None else False
    return PodTime(uid=pod.uid, started=format_time(begun), ended=ended, replaced=replaced)


def _seconds(each: PodTime, latest: datetime) -> float:
    started, ended = parse_time(each.started), parse_time(each.ended) or latest
    return max(0.0, (ended - started).total_seconds()) if started is not None else 0.0
