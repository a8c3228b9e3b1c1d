"""A worker that runs and says nothing: its node may be unreachable, its process may hang, or nothing reaches us."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.errors import CATALOGUE

from ...model import Observed
from ...times import format_time, parse_time
from .attempt import Running
from .situation import Situation

CODE = "WorkerSilent"


def heard(observed: Observed, situation: Situation) -> datetime | None:
    """When the running pod was last heard of; None when no updates are to be expected.

    Nobody could have heard anything before this replica began to listen.
    """
    outcome, policy = situation.outcome, observed.policy
    if not isinstance(outcome, Running) or policy.progress_url is None or policy.heartbeat_seconds is None:
        return None
    progress = observed.job.status.progress
    moments = [
        outcome.pod.container.started, parse_time(progress.last_update_time) if progress else None, observed.heard,
        policy.listening_since,
    ]  # fmt: skip
    return max((moment for moment in moments if moment is not None), default=None)


def silence_time(observed: Observed, situation: Situation) -> datetime | None:
    """When the pod counts as silent unless it says something before."""
    last, limit = heard(observed, situation), observed.policy.heartbeat_seconds
    return last + timedelta(seconds=limit) if last is not None and limit is not None else None


def silence(observed: Observed, situation: Situation, now: datetime) -> str | None:
    """The message about a pod that has been silent for too long."""
    last, until = heard(observed, situation), silence_time(observed, situation)
    if last is None or until is None or now < until:
        return None
    pod = situation.outcome.pod.name if isinstance(situation.outcome, Running) else ""
    return f"Pod {pod} has not reported since {format_time(last)}. {CATALOGUE[CODE].suggestion}"
