"""For how long pods have run, those that are gone included: what deadlines and the hours of hardware are counted by.

A preempted pod's object is deleted, and its replacement knows nothing of it. So each pod of an attempt is noted in the
status while it is there; once it is gone, its time becomes part of the run's.
"""

from __future__ import annotations

from datetime import datetime

from reconstruction_api.status import ClassRun, PodTime

from ..model import Observed, Pod
from ..times import format_time, parse_time
from .attempt import pods_of


def noted(run: ClassRun, observed: Observed, now: datetime) -> ClassRun:
    """The run with the times of its pods as they are now."""
    pods = pods_of(run, observed)
    times = {each.uid: each for each in run.pods}
    times |= {pod.uid: _time_of(pod, pod.container.started) for pod in pods if pod.container.started is not None}
    there = {pod.uid for pod in pods}
    gone = sum(_seconds(each, now) for uid, each in times.items() if uid not in there)
    kept = [each for uid, each in times.items() if uid in there]
    if not gone and kept == run.pods:
        return run
    return run.model_copy(update={"seconds": run.seconds + round(gone), "pods": kept})


def running_seconds(run: ClassRun, observed: Observed, now: datetime) -> float:
    """For how long the containers of the noted pods have run, up to now. On a lost node nobody says when one ended:
    at the latest when its grace period was over."""
    stop_by = {pod.uid: pod.stop_by for pod in pods_of(run, observed)}
    return sum(_seconds(each, min(now, stop_by.get(each.uid) or now)) for each in run.pods)


def _time_of(pod: Pod, started: datetime) -> PodTime:
    ended = pod.container.ended
    return PodTime(uid=pod.uid, started=format_time(started), ended=format_time(ended) if ended is not None else None)


def _seconds(each: PodTime, latest: datetime) -> float:
    started, ended = parse_time(each.started), parse_time(each.ended) or latest
    return max(0.0, (ended - started).total_seconds()) if started is not None else 0.0
