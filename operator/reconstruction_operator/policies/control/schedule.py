"""When to look at a job again although nothing was observed."""

from __future__ import annotations

from datetime import datetime

from reconstruction_api.stages import pause_stage
from reconstruction_api.status import ReconstructionJobStatus, StageState

from ...model import Observed
from . import lost, yielding
from .attempt import SOON, Absent, Waiting
from .cancel import lapse_time
from .children import Blocked, may_start
from .heartbeat import CODE as WORKER_SILENT
from .heartbeat import silence_time
from .notify import all_delivered, next_attempts
from .relocation import give_up_time
from .removal_pods import next_removal
from .retention import expiry_times
from .settling import may_settle
from .situation import Situation
from .yielding import Idleness


def next_check(
    observed: Observed,
    situation: Situation,
    obstacle: Blocked | None,
    after: ReconstructionJobStatus,
    now: datetime,
    idle: Idleness | None = None,
) -> datetime | None:
    """The earliest moment at which time alone changes the decision; None when only an observation can."""
    moments = [lapse_time(situation.cancellation), *expiry_times(after.retention, all_delivered(after))]
    moments.append(next_removal(observed, after.retention, now))
    moments.append(may_settle(observed, situation, now))
    moments.append(now + SOON if situation.yields_turn else yielding.next_look(idle, now))
    moments += [*next_attempts(observed, after), *lost.next_look(observed, now)]
    if _pauses_next(observed, situation, after):
        moments.append(now)
    if not any(each.reason == WORKER_SILENT for each in after.conditions):
        moments.append(silence_time(observed, situation))
    if situation.failure is None and situation.current is not None:
        moments.append(situation.deadline)
        if obstacle is not None:
            moments.append(None if obstacle.asks == "all" else obstacle.until)
        if isinstance(situation.outcome, Waiting):
            moments.append(situation.outcome.until)
            profile = situation.acceptance.profile
            moments.append(give_up_time(observed, profile, situation.need, situation.current, situation.outcome))
        if isinstance(situation.outcome, Absent) and obstacle is None and may_start(situation):
            moments.append(now + SOON)  # no watch tells of a pod that is not made
    known = [moment for moment in moments if moment is not None]
    return min(known) if known else None


def _pauses_next(observed: Observed, situation: Situation, after: ReconstructionJobStatus) -> bool:
    """A live update has just said that the stage to pause after is done: it is in status first, then it counts."""
    spec = observed.job.spec
    if spec is None or spec.pause_after is None or situation.hold is not None or situation.current is None:
        return False
    last = pause_stage(spec)
    return situation.failure is None and any(
        each.name == last and each.state is StageState.SUCCEEDED for each in after.stages
    )
