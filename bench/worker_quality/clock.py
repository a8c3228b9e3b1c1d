"""How much of the time that another method had is used up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Clock:
    """Runs out when both as many seconds and as many processor seconds as given have passed since its start: on a
    quiet machine that is equal time, on a busy one nobody is favoured by what else ran."""

    seconds: float
    cpu_seconds: float
    now: Callable[[], float] = time.monotonic
    cpu_now: Callable[[], float] = time.process_time
    _started: tuple[float, float] | None = None

    def start(self) -> None:
        """Only the first call counts."""
        if self._started is None:
            self._started = self.now(), self.cpu_now()

    @property
    def passed(self) -> tuple[float, float]:
        """Seconds and processor seconds since the start."""
        if self._started is None:
            return 0.0, 0.0
        return self.now() - self._started[0], self.cpu_now() - self._started[1]

    @property
    def share(self) -> float:
        """0 at the start, 1 at the end and after."""
        seconds, cpu_seconds = self.passed
        return min(1.0, seconds / self.seconds, cpu_seconds / self.cpu_seconds)
