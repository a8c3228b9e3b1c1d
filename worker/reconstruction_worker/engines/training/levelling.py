"""Whether the held-out views still become better."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from reconstruction_api.worker import Trend

PATIENCE = 5
"""Looks in a row without a gain after which the views count as levelled off."""
GAIN = 0.05
"""Decibels that count as a gain: less is within what one step changes."""


@dataclass
class Levelling:
    """The held-out views' PSNR over the looks at them; plain data, a part of every checkpoint."""

    looks: int = 0
    best_step: int | None = None
    """When they looked best."""
    best_psnr: float = 0.0
    reference: float = 0.0
    """What the next gain is measured against."""
    looks_without_gain: int = 0

    def add(self, step: int, psnr: float, *, kept: bool = True) -> bool:
        """Take note of a look; whether it is the best one so far. Only a state that is `kept` can be the best."""
        self.looks += 1
        if self.looks == 1 or psnr >= self.reference + GAIN:
            self.reference, self.looks_without_gain = psnr, 0
        else:
            self.looks_without_gain += 1
        better = kept and (self.best_step is None or psnr > self.best_psnr)
        if better:
            self.best_step, self.best_psnr = step, psnr
        return better

    @property
    def trend(self) -> Trend | None:
        """None before the first look."""
        if self.looks == 0:
            return None
        return Trend.LEVELLED_OFF if self.looks_without_gain >= PATIENCE else Trend.IMPROVING

    def state(self) -> dict[str, Any]:
        return asdict(self)
