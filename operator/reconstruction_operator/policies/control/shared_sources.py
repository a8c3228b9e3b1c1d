"""A source on a claim that is in use on another node: other pods read from it, or the job that made it still runs.

Whether a pod may share the claim shows only when it is to start, so it is tried. One that may not goes again, with its
child Job: it would hold a node, and the job its turn, for as long as the others take. The job waits without either.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from reconstruction_api.status import ClassRun

from ...model import Observed
from ...times import parse_time
from .attempt import Absent, Running, Waiting
from .class_runs import with_run
from .obstacles import SOURCE_IN_USE
from .retry import backoff, next_attempt
from .situation import Situation, SourceAwaited

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 30.0, 600.0
_POLL = timedelta(seconds=30)
"""No change of the job is seen when another one's pod ends."""


def awaiting_source(situation: Situation, observed: Observed, now: datetime) -> Situation:
    """The situation without a pod that can't have its source, and with what is waited for instead."""
    run, outcome = situation.current, situation.outcome
    if run is None or situation.failure is not None or situation.hold is not None:
        return situation
    if isinstance(outcome, Running) and run.source_waits:
        return _going_on_with(run.model_copy(update={"source_waits": 0}), situation)
    if isinstance(outcome, Waiting) and outcome.reason == SOURCE_IN_USE:
        waits = run.source_waits + 1
        pause = backoff(_FIRST_WAIT_SECONDS, waits, _LONGEST_WAIT_SECONDS, run.job_name)
        marked = run.model_copy(update={"source_waits": waits, "trouble": outcome.message})
        run = next_attempt(observed.job, marked, now + pause)
        situation = replace(_going_on_with(run, situation), outcome=Absent())
    return replace(situation, source_awaited=_awaited(run, situation, observed, now))


def _awaited(run: ClassRun, situation: Situation, observed: Observed, now: datetime) -> SourceAwaited | None:
    """None when another pod may be tried."""
    if not run.source_waits or not isinstance(situation.outcome, Absent):
        return None
    if observed.source_users:
        names = ", ".join(observed.source_users[:3])
        return SourceAwaited(f"The workspace of the other job is in use by {names}. {run.trouble}", now + _POLL)
    until = parse_time(run.retry_after)
    if until is None or now >= until:
        return None
    return SourceAwaited(f"{run.trouble} Another pod is tried at {run.retry_after}.", until)


def _going_on_with(run: ClassRun, situation: Situation) -> Situation:
    return replace(situation, runs=with_run(situation.runs, run), current=run)
