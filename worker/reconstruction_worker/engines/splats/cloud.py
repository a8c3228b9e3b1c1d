"""The Gaussians that are trained, with all that their training remembers; their number changes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..gaussians.parameters import NAMES, OPACITIES, Parameters, shapes
from ..gaussians.rasteriser import Slopes
from ..training.sending import sent
from .adam import EPSILON, FIRST, SECOND, step_of_adam

FIRST_MOMENTS, SECOND_MOMENTS = "firstMoments", "secondMoments"


class Cloud:
    """Room for `most` Gaussians on a device, of which the first `count` exist."""

    def __init__(self, first: Parameters, degree: int, most: int, device: torch.device):
        """`first` may have fewer harmonics than the degree asks for: the rest begin at zero."""
        self.count = len(first[NAMES[0]])
        self.most = max(most, self.count)
        self.device = device
        kinds = ("values", "slopes", FIRST_MOMENTS, SECOND_MOMENTS)
        self._all = {
            kind: {name: torch.zeros(self.most, *shape, device=device) for name, shape in shapes(degree).items()}
            for kind in kinds
        }
        for name, values in first.items():
            target = self._all["values"][name][: self.count]
            (target[:, : values.shape[1]] if values.ndim == 3 else target).copy_(values)
        self._shown = torch.zeros(self.most, 3, device=device)

    @property
    def parameters(self) -> Parameters:
        """Views of those that exist."""
        return self._of("values")

    @property
    def slopes(self) -> Slopes:
        return Slopes(self._of("slopes"), self._shown[: self.count])

    @property
    def shown(self) -> Tensor:
        """What they have shown since `forget_shown`, see `Slopes`. [N, 3]"""
        return self._shown[: self.count]

    def forget_shown(self) -> None:
        self._shown.zero_()

    def step(self, seen: Tensor, rates: dict[str, Tensor]) -> None:
        """Adam's step by the slopes, for those that were seen: their indices, or on a GPU a mask [N]. `rates` are [D]
        for the D numbers of a row."""
        kinds = ("values", "slopes", FIRST_MOMENTS, SECOND_MOMENTS)
        if self.device.type == "cpu":
            for name in NAMES:
                arrays = (self._all[kind][name].flatten(1).numpy() for kind in kinds)
                step_of_adam(len(seen), seen.numpy(), *arrays, rates[name].numpy())
            return
        weight = seen[:, None].float()
        for name, rate in zip(NAMES, sent([rates[name].numpy() for name in NAMES], self.device), strict=True):
            values, slopes, firsts, seconds = (self._all[kind][name][: self.count].flatten(1) for kind in kinds)
            step_by_torch(weight, values, slopes, firsts, seconds, rate)

    def grow(self, count: int) -> None:
        """Let as many exist; the new ones' rows hold what was there before."""
        self.count = count

    def put(self, name: str, rows: Tensor, values: Tensor) -> None:
        self._all["values"][name][rows] = values

    def copy(self, source: Tensor, target: Tensor) -> None:
        """Make the rows `target` like the rows `source`; both forget their moments."""
        for name in NAMES:
            values = self._all["values"][name]
            values[target] = values[source]
            for kind in (FIRST_MOMENTS, SECOND_MOMENTS):
                self._all[kind][name][target] = 0
                self._all[kind][name][source] = 0

    def keep(self, rows: Tensor) -> None:
        """Only these stay, in this order."""
        for kind in ("values", FIRST_MOMENTS, SECOND_MOMENTS):
            for name in NAMES:
                self._all[kind][name][: len(rows)] = self._all[kind][name][rows]
        self._shown[: len(rows)] = self._shown[rows]
        self.count = len(rows)

    def keep_most_opaque(self, count: int) -> None:
        """Give up the others, and the room for more, for good: there is no memory for them."""
        opacities = self.parameters[OPACITIES][:, 0]
        self.keep(opacities.topk(min(count, self.count)).indices.sort().values)
        self.most = count
        for values in self._all.values():
            for name in NAMES:
                values[name] = values[name][:count].clone()
        self._shown = self._shown[:count].clone()

    def is_finite(self) -> bool:
        return all(bool(torch.isfinite(values).all()) for values in self.parameters.values())

    def state(self) -> dict[str, Any]:
        """Copies: what a checkpoint holds must not be as large as the room."""
        kinds = {kind: {name: value.clone() for name, value in self._of(kind).items()} for kind in _SAVED}
        return {**kinds, "shown": self.shown.clone()}

    def restore(self, state: dict[str, Any]) -> None:
        self.count = len(state["values"][NAMES[0]])
        for kind in _SAVED:
            for name in NAMES:
                self._all[kind][name][: self.count] = state[kind][name].to(self.device)
        self._shown.zero_()
        self._shown[: self.count] = state["shown"].to(self.device)

    def _of(self, kind: str) -> dict[str, Tensor]:
        return {name: values[: self.count] for name, values in self._all[kind].items()}


_SAVED = ("values", FIRST_MOMENTS, SECOND_MOMENTS)


def step_by_torch(seen: Tensor, values: Tensor, slopes: Tensor, firsts: Tensor, seconds: Tensor, rates: Tensor) -> None:
    """As `step_of_adam`, for rows [N, D] on any device; `seen` [N, 1] is one for those that move, zero for others."""
    firsts.lerp_(slopes, (1 - FIRST) * seen)
    seconds.lerp_(slopes.square(), (1 - SECOND) * seen)
    values.addcdiv_(firsts * (rates * seen), seconds.sqrt().add_(EPSILON), value=-1)
