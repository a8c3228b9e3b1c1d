"""Refusals that pass without anybody's doing: a job was applied before what it names.

GitOps tools apply a job, its profile and the job that it builds on together and in any order. They take `Stalled` for a
failure of the whole delivery, so it is not said at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.status import ConditionType

from ...model import Observed
from ...times import parse_time
from .situation import Situation

GRACE = timedelta(minutes=5)
_PASSING = ("ProfileNotFound", "DependencyFailed", "SourceNotFound")
"""Reasons of a refusal that disappear when another object is created or changed."""


def may_settle(observed: Observed, situation: Situation, now: datetime) -> datetime | None:
    """Until when the job's refusal may resolve by itself; None where it is not refused, or has been for longer."""
    acceptance = situation.acceptance
    if acceptance.accepted or acceptance.reason not in _PASSING or situation.cancelled:
        return None
    before = next((each for each in observed.job.status.conditions if each.type == ConditionType.ACCEPTED), None)
    refused = parse_time(before.last_transition_time) if before is not None and before.status == "False" else None
    until = (refused or now) + GRACE
    return until if now < until else None
