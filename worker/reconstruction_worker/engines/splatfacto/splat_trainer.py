"""Trains Gaussians on whole photos, and knows everything that must be saved to continue as if never interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.rendering import Camera, Field
from ..training.checkpoint_store import random_state, restore_random_state
from ..training.losses import Losses
from ..training.out_of_memory import exhausted, is_out_of_memory
from ..training.trainer import Schedule
from .settings import RATES
from .splat_field import SplatField
from .splat_model import GAUSSIANS, Splats, rasterised

EPSILON = 1e-15


@dataclass
class _Named:
    """Optimisers as nerfstudio's callback takes them."""

    optimizers: dict[str, torch.optim.Optimizer]


class SplatTrainer:
    """A `Trainer`. Their number changes while it runs: Gaussians are split, copied and removed."""

    def __init__(
        self,
        module: Splats,
        cameras: Sequence[Camera],
        pictures: Sequence[NDArray[np.uint8]],
        schedule: Schedule,
        photos_per_step: int,
        seed: int,
    ):
        self.module = module
        self.cameras = cameras
        self.schedule = schedule
        self.photos_per_step = photos_per_step
        self.device = module.device
        self.pictures = [self._within_reach(picture) for picture in pictures]
        self.step = 0
        self.rate_factor = 1.0
        self.random = torch.Generator().manual_seed(seed)
        self.optimizers = self._new_optimizers()
        module.train()

    @property
    def rate(self) -> float:
        return self.schedule.rate(self.step) * self.rate_factor

    def train_step(self) -> Losses:
        for name, optimizer in self.optimizers.items():
            rate = self.rate if name == "means" else RATES[name] * self.rate_factor
            for group in optimizer.param_groups:
                group["lr"] = rate
        self.module.step_cb(_Named(self.optimizers), self.step)  # type: ignore[arg-type]
        try:
            losses = self._accumulate_gradients()
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise exhausted(self.device, self.photos_per_step) from error
            raise
        for optimizer in self.optimizers.values():
            optimizer.step()
        self.module.step_post_backward(self.step)
        self.step += 1
        return losses

    def is_finite(self) -> bool:
        return all(bool(torch.isfinite(self.module.gauss_params[name]).all()) for name in GAUSSIANS)

    @contextmanager
    def looking(self) -> Iterator[Field]:
        try:
            yield SplatField(self.module)
        finally:
            self.module.train()

    def state(self) -> dict[str, Any]:
        return {
            "model": self.module.state_dict(),
            "refinement": dict(self.module.strategy_state),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "steps": self.schedule.steps,
            "rate_factor": self.rate_factor,
            "photos_random": self.random.get_state(),
            "random": random_state(),
        }

    def restore(self, checkpoint: dict[str, Any]) -> None:
        self.module.load_state_dict(dict(checkpoint["model"]))
        # As many Gaussians as there were: new parameters, to which the optimisers' state belongs.
        self.optimizers = self._new_optimizers()
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(checkpoint["optimizers"][name])
        self.module.strategy_state = {name: self._here(value) for name, value in checkpoint["refinement"].items()}
        self.schedule = replace(self.schedule, steps=checkpoint["steps"])
        self.rate_factor = checkpoint["rate_factor"]
        self.random.set_state(checkpoint["photos_random"].cpu())
        restore_random_state(checkpoint["random"])
        self.step = self.module.step = checkpoint["step"]

    def _accumulate_gradients(self) -> Losses:
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        total = error = torch.zeros((), device=self.device)
        for _ in range(self.photos_per_step):
            index = int(torch.randint(len(self.pictures), (), generator=self.random))
            batch = {"image": self.pictures[index].to(self.device, non_blocking=True)}
            outputs = rasterised(self.module, self.cameras[index])
            loss = torch.stack(list(self.module.get_loss_dict(outputs, batch).values())).sum() / self.photos_per_step
            loss.backward()
            total = total + loss.detach()
            error = error + self._square_error(outputs, batch) / self.photos_per_step
        return Losses(total, error)

    @torch.no_grad()
    def _square_error(self, outputs: dict[str, Any], batch: dict[str, Tensor]) -> Tensor:
        truth = self.module.composite_with_background(self.module.get_gt_img(batch["image"]), outputs["background"])
        return (outputs["rgb"].detach() - truth).square().mean()

    def _new_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            name: torch.optim.Adam([self.module.gauss_params[name]], lr=RATES[name], eps=EPSILON) for name in GAUSSIANS
        }

    def _within_reach(self, picture: NDArray[np.uint8]) -> Tensor:
        """A picture from where it gets to the device without waiting."""
        tensor = torch.tensor(picture)
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def _here(self, value: Any) -> Any:
        return value.to(self.device) if isinstance(value, Tensor) else value
