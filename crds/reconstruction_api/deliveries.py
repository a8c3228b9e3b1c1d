"""What became of the messages about a job."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from .base import ApiModel, Timestamp
from .rules import ATOMIC
from .text import Message, Note
from .worker import Failure


class DeliveryState(StrEnum):
    PENDING = "Pending"
    DELIVERED = "Delivered"
    FAILED = "Failed"


class Delivery(ApiModel):
    """One event for one receiver."""

    event: str
    """Succeeded, Failed, Cancelled or Paused."""
    id: str
    """Identifier of the event, the same in every attempt: a receiver that has seen it may ignore it."""
    url: str
    """Receiver: scheme, host and port of the address. The rest of it may be a secret and is not shown."""
    receiver: str = ""
    """Digest of the whole address: distinguishes receivers of one host."""
    state: DeliveryState
    """`Pending` until the receiver has answered with a status of 2xx, or is given up on."""
    event_time: Timestamp
    """When it happened."""
    reason: str = ""
    """Reason of the condition at the time of the event; the job may have changed since."""
    explanation: Message = ""
    """That condition's message."""
    failure: Failure | None = Field(default=None, json_schema_extra=ATOMIC)
    """Why the job had failed or was cancelled."""
    attempts: int = 0
    """Attempts that are over."""
    next_attempt_time: Timestamp | None = None
    """The next attempt does not start before this time."""
    message: Note = ""
    """Why the last attempt did not succeed."""
