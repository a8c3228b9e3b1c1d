"""A turn that is of no use: a job for whose pod there is no node gives way to those that wait for their turn.

Where the number of running jobs is limited, a few jobs that can't start would stop all others. While nobody waits,
nothing is gained by giving a turn back, so the pod stays; and while an autoscaler is making a node, one that waits for
it would be the wrong one to go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from reconstruction_api.status import ConditionType

from ...actions import ExpectAbsent
from ...model import Observed
from ...times import format_time, parse_time
from .attempt import SOON, Absent, Running, Waiting, pods_of
from .children import BACKOFF, Blocked
from .class_runs import with_run
from .retry import next_attempt
from .situation import Notice, Situation

TURN_YIELDED = "TurnYielded"
"""Reason of the notice."""


@dataclass(frozen=True, slots=True)
class Idleness:
    """A turn that is held without a node."""

    since: datetime
    until: datetime
    """From then on the turn is others', if they want it."""
    pod_uid: str = ""
    """The pod that waits for a node, if there is one."""


def idleness(observed: Observed, situation: Situation, obstacle: Blocked | None, now: datetime) -> Idleness | None:
    """None where the job holds no turn, or makes use of it: the pause before another attempt is one."""
    admitted, run = parse_time(observed.job.status.admission_time), situation.current
    if admitted is None or run is None or not _is_to_go_on(situation) or _has_node(observed, situation):
        return None
    if isinstance(situation.outcome, Absent) and (obstacle is None or obstacle.reason == BACKOFF):
        return None
    pods = [pod for pod in observed.pods if not pod.finished]
    children = [child for child in observed.child_jobs if not child.finished]
    moments = [admitted, _last_placed(observed, now), *(each.created for each in (*children, *pods))]
    since = max(moment for moment in moments if moment is not None)
    scale_ups = [observed.scale_ups[pod.uid].at for pod in pods if pod.uid in observed.scale_ups]
    until = max([since, *scale_ups]) + timedelta(seconds=observed.policy.admission_timeout_seconds)
    own = pods_of(run, observed)[-1:] if isinstance(situation.outcome, Waiting) else []
    return Idleness(since, until, own[0].uid if own else "")


def yield_turn(situation: Situation, idle: Idleness | None, observed: Observed, now: datetime) -> Situation:
    """The situation once the turn is given back: a pod that waits for a node goes, with its child Job."""
    run = situation.current
    if idle is None or run is None or now < idle.until or not observed.turn.wanted:
        return situation
    seconds = observed.policy.admission_timeout_seconds
    text = f"No node was found for the {run.resource_class} pod within {seconds} s: the turn is another job's."
    situation = replace(situation, yields_turn=True, notices=(*situation.notices, Notice(True, TURN_YIELDED, text)))
    if not isinstance(situation.outcome, Waiting):
        return situation
    following = next_attempt(
        observed.job,
        run.model_copy(update={"trouble": f"{situation.outcome.reason}: {situation.outcome.message}"}),
        None,
    )
    runs = with_run(situation.runs, following)
    expects = (*situation.expects, ExpectAbsent("scale-up", idle.pod_uid)) if idle.pod_uid else situation.expects
    return replace(situation, runs=runs, current=following, outcome=Absent(), expects=expects)


def slot_state(idle: Idleness | None, now: datetime) -> Literal["held", "nodeless", "overdue"]:
    """Of a job that holds one. Not every pod has a node at once."""
    if idle is None or now < idle.since + SOON:
        return "held"
    return "nodeless" if now < idle.until else "overdue"


def yield_time(observed: Observed, situation: Situation, now: datetime) -> str | None:
    """When the job last gave its turn back; forgotten once a pod has a node, or the job is over."""
    if situation.yields_turn:
        return format_time(now)
    return observed.job.status.yield_time if situation.current and not _has_node(observed, situation) else None


def next_look(idle: Idleness | None, now: datetime) -> datetime | None:
    """When time alone changes what becomes of the turn."""
    if idle is None:
        return None
    return next((moment for moment in (idle.since + SOON, idle.until) if moment > now), None)


def _is_to_go_on(situation: Situation) -> bool:
    over = situation.failure is not None or situation.cancelled
    return situation.acceptance.accepted and not over and situation.hold is None


def _has_node(observed: Observed, situation: Situation) -> bool:
    outcome = situation.outcome
    if isinstance(outcome, Running) or (isinstance(outcome, Waiting) and outcome.scheduled):
        return True
    return any(pod.scheduled is not None and not pod.finished for pod in observed.pods)


def _last_placed(observed: Observed, now: datetime) -> datetime | None:
    """Until when the job had a node: as the condition Admitted has it, since not every object that shows it is kept."""
    admitted = next((each for each in observed.job.status.conditions if each.type == ConditionType.ADMITTED), None)
    if admitted is None:
        return None
    return now if admitted.status == "True" else parse_time(admitted.last_transition_time)
