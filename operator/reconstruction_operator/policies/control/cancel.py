"""spec.cancellation: asked for once, confirmed within an hour, then for good.

Decided from what was noted before, never from the order of events: a request that the operator has not seen was not
made, and a confirmation that it sees after the hour came too late, whenever it was written.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.lifecycle import Cancellation, CancellationState, CancellationStatus
from reconstruction_api.worker import Failure

from ...model import JobView
from ...times import format_time, parse_time
from .failure import failure

WINDOW = timedelta(hours=1)
_OVER = (CancellationState.LAPSED, CancellationState.TOO_LATE)


def cancellation(job: JobView, now: datetime) -> CancellationStatus | None:
    """What becomes of the wish in the spec; None when there is none."""
    before = job.status.cancellation
    if job.spec is None or is_cancelled(before):
        return before
    wish = job.spec.cancellation
    if wish is None:
        return None
    if before is not None and before.state in _OVER:
        return before
    if job.status.completion_time is not None:
        return _now(before, CancellationState.TOO_LATE)
    if before is not None and before.state is CancellationState.REQUESTED:
        return _open(before, wish, now)
    if wish is Cancellation.CONFIRMED:
        return _now(before, CancellationState.NOT_REQUESTED)
    return CancellationStatus(
        state=CancellationState.REQUESTED, requested_time=format_time(now), confirm_before=format_time(now + WINDOW)
    )


def is_cancelled(status: CancellationStatus | None) -> bool:
    """Whether the job has been stopped for good."""
    return status is not None and status.state is CancellationState.CONFIRMED


def lapse_time(status: CancellationStatus | None) -> datetime | None:
    """When an open request lapses."""
    return parse_time(status.confirm_before) if status and status.state is CancellationState.REQUESTED else None


def cancelled(status: CancellationStatus) -> Failure:
    """Why a cancelled job has no result."""
    return failure("Cancelled", f"The job was cancelled at {status.confirmed_time}; its files are removed.")


def describe_cancellation(status: CancellationStatus) -> tuple[str, str]:
    """Reason and message, for a condition and an Event."""
    again = "To ask again, clear spec.cancellation, wait until status.cancellation is gone, and set Requested."
    match status.state:
        case CancellationState.REQUESTED:
            return "Requested", (
                f"The job continues. Until {status.confirm_before}, spec.cancellation: Confirmed stops it for good and "
                "removes its files; clearing the field withdraws the request."
            )
        case CancellationState.CONFIRMED:
            return "Confirmed", f"Confirmed at {status.confirmed_time}: the job is stopped, its files are removed."
        case CancellationState.LAPSED:
            return "Lapsed", f"Not confirmed before {status.confirm_before}; the job continues. {again}"
        case CancellationState.NOT_REQUESTED:
            return "CancelNotRequested", f"Confirmed without a request; the job continues. {again}"
        case CancellationState.TOO_LATE:
            return "AlreadyTerminal", "The job had ended before its cancellation was confirmed."


def _open(before: CancellationStatus, wish: Cancellation, now: datetime) -> CancellationStatus:
    limit = lapse_time(before)
    if limit is None or now >= limit:
        return _now(before, CancellationState.LAPSED)
    if wish is Cancellation.REQUESTED:
        return before
    return before.model_copy(update={"state": CancellationState.CONFIRMED, "confirmed_time": format_time(now)})


def _now(before: CancellationStatus | None, state: CancellationState) -> CancellationStatus:
    return (before or CancellationStatus(state=state)).model_copy(update={"state": state})
