"""How Gaussians are added and removed: gsplat's strategy (Kerbl et al. 2023, section 5), for several photos a step and
with an upper limit."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import torch
from gsplat.strategy import DefaultStrategy
from torch import Tensor

from ..training.out_of_memory import free_bytes


@dataclass
class Refinement(DefaultStrategy):
    """Of more Gaussians than there is room for, those with the largest gradients in the picture are divided."""

    most: int = sys.maxsize
    """Gaussians that there may be."""
    bytes_each: int = 0
    """About how much memory a Gaussian takes in training. No more are added than there is memory for at the time."""

    def add_photo(self, params: Any, state: dict[str, Any], step: int, info: dict[str, Any]) -> None:
        """Take a photo into account apart from the step's last one, which `step_post_backward` adds. Gradients must be
        those of this photo's own loss: thresholds are made for these."""
        if step < self.refine_stop_iter:
            self._update_state(params, state, info)

    @torch.no_grad()
    def _update_state(self, params: Any, state: dict[str, Any], info: dict[str, Any], packed: bool = False) -> None:
        """The sums that refinement goes by, for one camera; unlike gsplat's without a list of those that were seen, for
        which the processor would wait."""
        count, width, height = len(params["means"]), info["width"], info["height"]
        slopes = (info["means2d"].absgrad if self.absgrad else info["means2d"].grad)[0]  # [N, 2]
        radii = info["radii"][0].reshape(count, -1).float()  # [N, 1 or 2], in pixels
        if state["grad2d"] is None:
            for name in ("grad2d", "count", *(["radii"] if "radii" in state else [])):
                state[name] = torch.zeros(count, device=radii.device)
        seen = radii.amin(-1).sign()  # 0 for what is not seen, which has no radius either
        slope = torch.hypot(slopes[:, 0], slopes[:, 1] * (height / width))
        sums: Any = state["grad2d"]
        sums.addcmul_(slope, seen, value=width / 2)
        state["count"] += seen
        if "radii" in state:
            torch.maximum(state["radii"], radii.amax(-1) / max(width, height), out=state["radii"])

    @torch.no_grad()
    def _grow_gs(self, params: Any, optimizers: Any, state: dict[str, Any], step: int) -> tuple[int, int]:
        room = max(0, self.most - len(params["means"]))
        if self.bytes_each:
            room = min(room, free_bytes(params["means"].device) // (2 * self.bytes_each))
        slopes = state["grad2d"] / state["count"].clamp_min(1)
        if int((slopes > self.grow_grad2d).sum()) + self._large(state, step) <= room:
            return super()._grow_gs(params, optimizers, state, step)
        state["grad2d"] = torch.where(_largest(slopes, room), state["grad2d"], 0)
        large, self.grow_scale2d = self.grow_scale2d, float("inf")
        try:
            return super()._grow_gs(params, optimizers, state, step)
        finally:
            self.grow_scale2d = large

    def _large(self, state: dict[str, Any], step: int) -> int:
        """How many are divided for their size in the picture."""
        if step >= self.refine_scale2d_stop_iter:
            return 0
        return int((state["radii"] > self.grow_scale2d).sum())


def _largest(values: Tensor, count: int) -> Tensor:
    """A mask [N] of so many of the largest `values` [N]."""
    mask = torch.zeros_like(values, dtype=torch.bool)
    mask[values.topk(min(count, len(values))).indices] = True
    return mask
