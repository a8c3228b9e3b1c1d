"""Adam for hash tables on the CPU: a row that a step did not touch costs nothing but a look at its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ...compiled import threaded


class TableAdam(torch.optim.Optimizer):
    """Adam (Kingma and Ba 2015) that skips values with a gradient of exactly zero, as Müller et al. 2022 do:
    their moments stay as they are. For contiguous float32 parameters on the CPU.

    `step` leaves all gradients zero, so that `zero_grad` has nothing to do before the next one: to clear tables of many
    megabytes would take as long as the rest of the step.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-15
    ):
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "steps": 0})
        self._cleared = False

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            # Counted also for a table that had no gradient: whether it is none or zero depends on what went before.
            group["steps"] += 1
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)
        self._cleared = True

    def zero_grad(self, set_to_none: bool = True) -> None:
        if not self._cleared:
            super().zero_grad(set_to_none)
        self._cleared = False

    def forget_gradients(self) -> None:
        """The next `zero_grad` clears them, whatever `step` has left."""
        self._cleared = False

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.forget_gradients()

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        first, second = group["betas"]
        size = group["lr"] / (1 - first ** group["steps"])
        spread = 1 / math.sqrt(1 - second ** group["steps"])
        tensors = (parameter, gradient, state["exp_avg"], state["exp_avg_sq"])
        flat = [tensor.view(-1).numpy() for tensor in tensors]
        _update()(parameter.numel(), *flat, first, second, size, spread, group["eps"])


@cache
def _update() -> Callable[..., None]:
    """Compiled `update(count, values, gradient, mean, square, first, second, size, spread, eps)` of flat arrays."""
    import numpy as np

    def update(
        begin, end, values, gradient, mean, square, first, second, size, spread, eps
    ):  # pragma: no cover - compiled
        one, first, second = np.float32(1), np.float32(first), np.float32(second)
        size, spread, eps = np.float32(size), np.float32(spread), np.float32(eps)
        for i in range(begin, end):
            slope = gradient[i]
            if slope == 0:
                continue
            mean[i] = first * mean[i] + (one - first) * slope
            square[i] = second * square[i] + (one - second) * slope * slope
            values[i] -= size * mean[i] / (np.sqrt(square[i]) * spread + eps)
            gradient[i] = 0

    return threaded(fastmath=True)(update)
