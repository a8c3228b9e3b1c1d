"""Fits a training into its time budget, once its speed is known."""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST = 20
"""Steps before the speed is measured: the first ones also compile and allocate."""
MEASURED = 40
"""Steps over which it is measured."""
RESERVE = 0.1
"""Share of the budget for what a step's time does not show: checkpoints, looks at held-out views, a slower spell."""


@dataclass
class TimePlan:
    """Plans once; `budget` in seconds, None for a training that may take as long as it needs."""

    budget: float | None
    _begun: tuple[int, float] | None = field(default=None, repr=False)

    def steps(self, step: int, spent: float, wanted: int, slower: float = 1.0) -> int | None:
        """How many steps to do in all, of those `wanted`, after `step` steps that took `spent` seconds; None while that
        can't be determined. `slower` is how many times as long the later ones take on average. To be asked after each
        step until it answers."""
        if self.budget is None:
            return wanted
        if self._begun is None:
            if step >= FIRST:
                self._begun = (step, spent)
            return None
        first, since = self._begun
        if step < first + MEASURED:
            return None
        seconds_a_step = slower * max(spent - since, 1e-6) / (step - first)
        left = max(0.0, self.budget * (1 - RESERVE) - spent)
        return min(wanted, max(step + 1, step + int(left / seconds_a_step)))
