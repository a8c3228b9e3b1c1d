"""Where the time comes from: the machine's clocks, or those of a test that lets hours pass at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """The two times that a process needs; they advance together with those of its event loop."""

    monotonic: Callable[[], float] = time.monotonic
    """Seconds; only differences mean something."""
    now: Callable[[], datetime] = _now
    """In UTC."""


SYSTEM = Clock()
