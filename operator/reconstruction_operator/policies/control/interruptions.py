"""Interruptions: nobody's fault, not counted as attempts, and yet not to be repeated without end and without a word.

A pod that is evicted for what it uses itself is evicted again; from the second time on that counts as a failed attempt.
Any other interruption is resumed from the last checkpoint; five in a row that bring nothing are reported.
"""

from __future__ import annotations

import re

from reconstruction_api.errors import CATALOGUE
from reconstruction_api.status import ClassRun, StageState
from reconstruction_api.worker import Failure

from ...model import Observed, Pod
from .failure import failure
from .needs import Need

NO_PROGRESS = "NoProgress"
MOST_IN_VAIN = 5
_OWN_MEMORY = re.compile(r"low on resource: memory\b.*\bContainer worker was using", re.DOTALL)
_OWN_DISK = re.compile(
    r"low on resource: (?:ephemeral-storage|inodes)\b.*\bContainer worker was using"
    r"|Usage of EmptyDir volume|ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit",
    re.DOTALL,
)
"""The kubelet's words (pkg/kubelet/eviction/helpers.go). It names containers that use more than they asked for."""


def eviction_code(pod: Pod) -> str:
    """What the pod was evicted for, if that is its own doing; empty otherwise."""
    if _OWN_MEMORY.search(pod.message):
        return "HostOutOfMemory"
    return "DiskFull" if _OWN_DISK.search(pod.message) else ""


def counted(run: ClassRun, observed: Observed, need: Need, why: str, eviction: bool) -> ClassRun:
    """The run after one more interruption; how many there were is counted elsewhere."""
    mark = _progress_mark(observed, need)
    in_vain = run.interruptions_in_vain + 1 if mark == run.progress_mark else 1
    return run.model_copy(
        update={
            "trouble": why,
            "evictions": run.evictions + eviction,
            "interruptions_in_vain": in_vain,
            "progress_mark": mark,
        }
    )


def eviction_failure(run: ClassRun, code: str, words: str) -> Failure | None:
    """None for the first eviction: a node may be short of memory once because of others."""
    if run.evictions < 2:
        return None
    return failure(code, f"The pod was evicted {run.evictions} times for what it used itself. {words}")


def fruitless(run: ClassRun | None) -> str | None:
    """What to tell of a job that is interrupted again and again and makes no progress."""
    if run is None or run.completed or run.interruptions_in_vain < MOST_IN_VAIN:
        return None
    return (
        f"{run.resource_class.capitalize()} was interrupted {run.interruptions_in_vain} times in a row without a "
        f"finished stage or a newer checkpoint. Last: {run.trouble} {CATALOGUE[NO_PROGRESS].suggestion}"
    )


def _progress_mark(observed: Observed, need: Need) -> str:
    """Changes with each finished stage of the class and each newer checkpoint."""
    status = observed.job.status
    finished = sum(each.name in need.stages and each.state is StageState.SUCCEEDED for each in status.stages)
    return f"{finished}:{max((each.step for each in status.checkpoints), default=0)}"
