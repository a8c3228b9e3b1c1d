"""A status whose memory can't be understood: a newer release wrote it and will be back, or a person did.

Whoever does not know what was begun must neither begin nor end anything. So pods are left alone, the status stays as it
is, and only its conditions say why nothing happens.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from reconstruction_api.errors import CATALOGUE
from reconstruction_api.status import Condition, ConditionType

from ...actions import Emit, Plan
from ...model import Observed, Unreadable
from ...times import format_time

CODE = "StatusUnreadable"


def left_alone(observed: Observed, unreadable: Unreadable, now: datetime) -> Plan:
    """The plan: to say it, once."""
    before = observed.job.status
    slot = "held" if before.admission_time else "none"
    message = f"{unreadable.problem}. Nothing is started or stopped meanwhile. {CATALOGUE[CODE].suggestion}"
    wanted = {
        ConditionType.RECONCILING.value: _condition(observed, ConditionType.RECONCILING, "False", message, now),
        ConditionType.STALLED.value: _condition(observed, ConditionType.STALLED, "True", message, now),
    }
    others = [each for each in before.conditions if each.type not in wanted]
    status = before.model_copy(update={"conditions": [*others, *wanted.values()]})
    known = {each.type: each for each in before.conditions}
    if observed.status_refusal is not None or all(known.get(kind) == each for kind, each in wanted.items()):
        return Plan(slot=slot)
    return Plan(status=status, actions=(Emit(True, CODE, message),), slot=slot)


def _condition(
    observed: Observed, kind: ConditionType, status: Literal["True", "False"], message: str, now: datetime
) -> Condition:
    before = next((each for each in observed.job.status.conditions if each.type == kind), None)
    same = before is not None and before.status == status
    return Condition(
        type=kind,
        status=status,
        reason=CODE,
        message=message,
        last_transition_time=before.last_transition_time if before is not None and same else format_time(now),
        observed_generation=observed.job.generation,
    )
