"""Who is told over HTTP how a job ends, and what became of the message."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from .base import ApiModel, DNSSubdomain, Timestamp
from .rules import Rule

_ADDRESS = r"^https?://[^/@?#\s]+([/?#]\S*)?$"


class Notification(ApiModel):
    """A receiver of CloudEvents."""

    rules: ClassVar = (
        Rule(
            "url must be an https:// (or, where allowed, http://) address without a user name or password",
            cel=f"self.url.matches('{_ADDRESS.replace(chr(92), chr(92) * 2)}')",
            holds=lambda notification: re.fullmatch(_ADDRESS, notification.url) is not None,
            field="url",
        ),
    )

    url: str = Field(min_length=1, max_length=1024)
    """Where the event is posted. The platform team says which private addresses, and which plain http:// ones, are
    allowed; public https:// addresses are."""
    secret_name: DNSSubdomain
    """Secret in the job's namespace whose entry `webhook-key` (at least 16 bytes) signs the message."""


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
    """Receiver."""
    state: DeliveryState
    """`Pending` until the receiver has answered with a status of 2xx, or is given up on."""
    event_time: Timestamp
    """When it happened."""
    attempts: int = 0
    """Attempts that are over."""
    next_attempt_time: Timestamp | None = None
    """The next attempt does not start before this time."""
    message: str = ""
    """Why the last attempt did not succeed."""
