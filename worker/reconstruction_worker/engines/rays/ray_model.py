"""What the loop and the renderer need of a model: colours along rays, and losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from ..training.losses import Losses
from .rays import Rays


@dataclass(frozen=True)
class RayColours:
    """What is seen along N rays, over black."""

    rgb: Tensor  # [N, 3], premultiplied
    alpha: Tensor  # [N, 1]
    depth: Tensor  # [N, 1], distance at which half of the ray's opacity is reached


class RayModel(Protocol):
    """A differentiable scene."""

    @property
    def module(self) -> nn.Module:
        """Everything that is learnt."""
        ...

    def begin_step(self, step: int) -> None: ...

    def losses(self, rays: Rays, pixels: Tensor) -> Losses:
        """`pixels` [N, 3] or [N, 4] in 0..1 are the photos' colours; with alpha, over a random background."""
        ...

    def end_step(self, step: int) -> None: ...

    def colours(self, rays: Rays) -> RayColours:
        """Without gradients, the same for the same rays."""
        ...

    def schedule_state(self) -> dict[str, Any]:
        """What changes from step to step and is not in `module`; numbers only."""
        ...

    def restore_schedule(self, state: dict[str, Any]) -> None: ...
