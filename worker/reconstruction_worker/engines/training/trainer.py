"""What the training loop needs of a way to train: steps, and a state that can be saved."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import torch

from ...geometry.rendering import Field
from .losses import Losses


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train."""

    steps: int
    rays_per_step: int
    first_rate: float
    last_rate: float
    """The learning rate falls exponentially from `first_rate` to `last_rate`."""
    planned_at: tuple[int, float] = (0, 0.0)
    """The step at which `steps` became what they are, and the share of the training that was over then."""

    def share(self, step: int) -> float:
        """Of the training that is over, 0..1. It continues from where it was when the number of steps changes."""
        since, before = self.planned_at
        return min(1.0, before + (1 - before) * (step - since) / max(1, self.steps - since))

    def rate(self, step: int) -> float:
        return self.first_rate * (self.last_rate / self.first_rate) ** self.share(step)

    def ending_at(self, steps: int, step: int) -> Self:
        """With so many steps in all, from `step` on."""
        return replace(self, steps=steps, planned_at=(step, self.share(step)))

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "plannedAt": list(self.planned_at)}

    def restored(self, checkpoint: dict[str, Any]) -> Self:
        since, share = checkpoint.get("plannedAt", (0, 0.0))
        return replace(self, steps=checkpoint["steps"], planned_at=(since, share))


class Trainer(Protocol):
    """Improves a model step by step."""

    device: torch.device
    schedule: Schedule
    step: int
    """Steps done."""
    rate_factor: float
    """What the scheduled learning rate is multiplied with: 1 until training diverged."""

    @property
    def slower_later(self) -> float:
        """How many times as long the steps that are left take on average as one now."""
        ...

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        ...

    def train_step(self) -> Losses:
        """Raises GPUOutOfMemory or HostOutOfMemory when not even a small part of a step fits."""
        ...

    def is_finite(self) -> bool:
        """Whether all that was learnt are numbers."""
        ...

    def looking(self) -> AbstractContextManager[Field]:
        """The scene as it is now, for as long as the context is open; nothing is trained meanwhile."""
        ...

    def state(self) -> dict[str, Any]:
        """Tensors and plain data; with `restore`, training continues as if it had never stopped."""
        ...

    def restore(self, checkpoint: dict[str, Any]) -> None: ...
