"""Fits a training into its time budget: once its speed is known, and again as that changes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

FIRST = 20
"""Steps before the speed is measured: the first ones also compile and allocate."""
MEASURED = 40
"""Steps over which it is measured at least."""
WINDOWS = 10
"""How often it is measured in the course of a training, about."""
RESERVE = 0.1
"""Share of the budget for what a step's time does not show: checkpoints, looks at held-out views, a slower spell."""
NOTICED = 0.05
"""Share of the steps by which a plan must be wrong to be changed."""
GRACE = 0.1
"""Of the steps left in a plan, those that are done even where the time is over: a model is not left rough."""


@dataclass
class TimePlan:
    """`budget` in seconds, None for a training that may take as long as it needs."""

    budget: float | None
    _begun: tuple[int, float] | None = field(default=None, repr=False)

    def steps(
        self, step: int, spent: float, wanted: int, slower: float = 1.0, planned: int | None = None
    ) -> int | None:
        """How many steps to do in all, of those `wanted`, after `step` steps that took `spent` seconds; None while that
        can't be determined, or where it is about what is already `planned`. `slower` is how many times as long the
        later ones take on average. To be asked after each step."""
        if self.budget is None:
            return wanted
        if self._begun is None:
            if planned is not None or step >= FIRST:
                self._begun = (step, spent)
            return None
        first, since = self._begun
        if step < first + (MEASURED if planned is None else max(MEASURED, (planned - first) // WINDOWS)):
            return None
        self._begun = (step, spent)
        seconds_a_step = slower * max(spent - since, 1e-6) / (step - first)
        left = max(0.0, self.budget * (1 - RESERVE) - spent)
        grace = 1 if planned is None else math.ceil(GRACE * (planned - step))
        steps = min(wanted, step + max(1, grace, int(left / seconds_a_step)))
        return None if planned is not None and abs(steps - planned) < NOTICED * planned else steps
