"""Where a scene can be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from .visual_hull import VisualHull

Box = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Lowest and highest corner."""


@dataclass(frozen=True)
class Bounds:
    """Where along a ray there may be something."""

    near: float
    far: float
    box: Box | None = None
    """Of one object, or of the ground seen from the air: everything outside is empty."""
    hull: VisualHull | None = None
    """Inside the box, where there are masks: everything outside is empty."""
    corners: Tensor | None = field(default=None, repr=False, compare=False)
    """The box [2, 3] on the device that `to` named."""

    def state(self) -> dict[str, Any]:
        """Plain data and tensors for a checkpoint."""
        box = [list(corner) for corner in self.box] if self.box else None
        return {"near": self.near, "far": self.far, "box": box, "hull": self.hull.state() if self.hull else None}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Bounds:
        (low, high), hull = state["box"] or (None, None), state["hull"]
        return cls(
            near=state["near"],
            far=state["far"],
            box=(tuple(low), tuple(high)) if low and high else None,
            hull=VisualHull.from_state(hull) if hull else None,
        )

    def to(self, device: torch.device) -> Bounds:
        hull = self.hull.to(device) if self.hull else None
        return replace(self, hull=hull, corners=torch.tensor(self.box).to(device) if self.box else None)

    def interval(self, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Distances `near`, `far` [N, 1]; `far <= near` for a ray that has nothing to see."""
        if self.box is None:
            ones = torch.ones_like(origins[:, :1])
            return ones * self.near, ones * self.far
        low, high = self.corners if self.corners is not None else torch.tensor(self.box, device=origins.device)
        # The slab method; a direction parallel to a slab gives infinities, which compare as they should.
        a, b = (low - origins) / directions, (high - origins) / directions
        near = torch.minimum(a, b).nan_to_num(-torch.inf).amax(-1, keepdim=True).clamp_min(self.near)
        far = torch.maximum(a, b).nan_to_num(torch.inf).amin(-1, keepdim=True)
        return self.hull.narrow(origins, directions, near, far) if self.hull else (near, far)
