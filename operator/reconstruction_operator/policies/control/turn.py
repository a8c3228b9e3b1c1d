"""A job's slot among those that run: it takes one when it starts its first pod and gives it back when it rests."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.errors import CATALOGUE

from ...model import Observed, Turn
from ...times import format_time
from .situation import Situation

WAITS_FOR_TURN = "ConcurrencyLimit"
_NEAR = 10
_NEAR_LOOK, _FAR_LOOK = timedelta(seconds=30), timedelta(seconds=600)

_FULL = {
    "everywhere": "The cluster runs at most {limit} at the same time",
    "namespace": "The namespace may have {limit} running at the same time",
    "profile": "The profile lets {limit} run at the same time, over all namespaces",
    "profile in namespace": "The profile lets {limit} of each namespace run at the same time",
}


def admission_time(observed: Observed, situation: Situation, *, started: bool, now: datetime) -> str | None:
    """Kept between the resource classes and while an attempt is awaited, given back at rest, when no pod works, and to
    others that wait where no node is found."""
    before = observed.job.status.admission_time
    if situation.yields_turn:
        return None
    if started:
        return before or format_time(now)
    resting = (
        situation.current is None
        or situation.failure is not None
        or situation.hold is not None
        or situation.source_awaited is not None
        or situation.cancelled
        or not situation.acceptance.accepted
    )
    return None if resting and not is_busy(observed) else before


def is_busy(observed: Observed) -> bool:
    """Whether a pod works for the job, or may."""
    ended = {pod.job_name for pod in observed.pods if pod.finished}
    open_jobs = [child for child in observed.child_jobs if not child.finished and child.name not in ended]
    return bool(open_jobs) or any(not pod.finished for pod in observed.pods)


def waits(observed: Observed) -> bool:
    """Whether too many others run."""
    return observed.job.status.admission_time is None and not observed.turn.granted


def explanation(turn: Turn) -> str:
    """Which limit is reached, and how many come first."""
    jobs = "1 job" if turn.limit == 1 else f"{turn.limit} jobs"
    ahead = {0: "This job is next in its namespace.", 1: "One job of the namespace is ahead."}.get(
        turn.ahead, f"{turn.ahead} jobs of the namespace are ahead."
    )
    full = f"{_FULL[turn.scope].format(limit=jobs)}{_nodeless(turn)}."
    return f"{full} {ahead} {CATALOGUE[WAITS_FOR_TURN].suggestion}"


def _nodeless(turn: Turn) -> str:
    if not turn.nodeless:
        return ""
    return f"; {turn.nodeless} of them {'has' if turn.nodeless == 1 else 'have'} no node"


def look_again(turn: Turn, now: datetime) -> datetime:
    """Being next is shown at once; how many are ahead only now and then, because it changes for all at every turn."""
    return now + (_NEAR_LOOK if turn.ahead < _NEAR else _FAR_LOOK)
