"""When to look at a job again although nothing was observed."""

from __future__ import annotations

from datetime import datetime

from .advance import Situation
from .attempt import Waiting
from .cancel import lapse_time
from .children import Blocked


def next_check(situation: Situation, obstacle: Blocked | None) -> datetime | None:
    """The earliest moment at which time alone changes the decision; None when only an observation can."""
    moments = [lapse_time(situation.cancellation)]
    if situation.failure is None and situation.current is not None:
        moments.append(situation.deadline)
        if obstacle is not None:
            moments.append(None if obstacle.asks == "all" else obstacle.until)
        if isinstance(situation.outcome, Waiting):
            moments.append(situation.outcome.until)
    known = [moment for moment in moments if moment is not None]
    return min(known) if known else None
