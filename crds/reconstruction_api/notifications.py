"""Who is notified over HTTP how a job ends."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from pydantic import Field

from .base import ApiModel, DNSSubdomain
from .rules import BLANK, INVISIBLE, Rule, cel_pattern

_ADDRESS: Final = rf"^https?://[^/@?#\\{BLANK}{INVISIBLE}]+([/?#][^{BLANK}{INVISIBLE}]*)?$"


class Notification(ApiModel):
    """A receiver of CloudEvents."""

    rules: ClassVar = (
        Rule(
            "url must be an https:// (or, where allowed, http://) address without a user name or password, and without "
            "spaces and control characters",
            cel=f"self.url.matches({cel_pattern(_ADDRESS)})",
            holds=lambda notification: re.fullmatch(_ADDRESS, notification.url) is not None,
            field="url",
        ),
    )

    url: str = Field(min_length=1, max_length=1024)
    """Where the event is posted. The platform team says which private addresses, and which plain http:// ones, are
    allowed; public https:// addresses are. Status and messages show of it the host and the port only: the rest may be
    a secret."""
    secret_name: DNSSubdomain
    """Secret in the job's namespace whose entry `webhook-key` (at least 16 bytes) signs the message."""
