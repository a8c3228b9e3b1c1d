"""What the training loop needs of a way to train: steps, and a state that can be saved."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

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

    def rate(self, step: int) -> float:
        return self.first_rate * (self.last_rate / self.first_rate) ** (step / self.steps)


class Trainer(Protocol):
    """Improves a model step by step."""

    device: torch.device
    schedule: Schedule
    step: int
    """Steps done."""
    slower_later: float
    """How many times as long a step takes on average as one at the beginning."""
    rate_factor: float
    """What the scheduled learning rate is multiplied with: 1 until training diverged."""

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
