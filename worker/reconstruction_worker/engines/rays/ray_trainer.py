"""Trains a `RayModel` on random pixels, and knows everything that must be saved to continue as if never interrupted."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...geometry.rendering import Field
from ..training.checkpoint_store import random_state, restore_random_state
from ..training.losses import Losses
from ..training.out_of_memory import exhausted, is_out_of_memory
from ..training.trainer import Schedule
from .adam_state import adam_state, by_name, restore_adam_state
from .hash_encoding import hash_tables
from .pixels import PhotoPixels
from .radiance_field import RadianceField, chunk_that_fits
from .ray_model import RayModel
from .table_adam import TableAdam

EPSILON = 1e-15
"""Adam's: gradients of hash tables are small (Müller et al. 2022)."""

SMALLEST_PART = 256
"""Rays below which a batch is not divided any further when memory runs out."""


class RayTrainer:
    """A `Trainer` on the photos' pixels. A step's rays are computed in `parts`, more of them when memory runs out."""

    def __init__(
        self,
        model: RayModel,
        pixels: PhotoPixels,
        schedule: Schedule,
        device: torch.device,
        parts: int,
        bytes_per_rendered_ray: int,
    ):
        self.model = model
        self.pixels = pixels
        self.schedule = schedule
        self.device = device
        self.step = 0
        self.rate_factor = 1.0
        self.slower_later = 1.0
        self.parts = parts
        self.bytes_per_rendered_ray = bytes_per_rendered_ray
        self.optimizers = _optimizers(model.module, schedule.first_rate, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
        model.module.train()

    @property
    def rate(self) -> float:
        return self.schedule.rate(self.step) * self.rate_factor

    def train_step(self) -> Losses:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate
        self.model.begin_step(self.step)
        losses = self._gradients_that_fit()
        for optimizer in self.optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()
        self.model.end_step(self.step)
        self.step += 1
        return losses

    def is_finite(self) -> bool:
        return all(bool(torch.isfinite(parameter).all()) for parameter in self.model.module.parameters())

    @contextmanager
    def looking(self) -> Iterator[Field]:
        # No more rays at once than in a step: what was enough memory for that is enough for looking.
        most = max(SMALLEST_PART, self.schedule.rays_per_step // self.parts)
        if self.device.type == "cuda":
            most = min(most, chunk_that_fits(self.bytes_per_rendered_ray, self.device))
        schedule = self.model.schedule_state()  # nerfstudio's samplers count renderings as well
        try:
            yield RadianceField(self.model, self.pixels.bounds, self.device, most)
        finally:
            self.model.restore_schedule(schedule)
            self.model.module.train()

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.module.state_dict(),
            "model_schedule": self.model.schedule_state(),
            "adam": adam_state(self.model.module, self.optimizers),
            "scaler": self.scaler.state_dict(),
            "parts": self.parts,
            **self.schedule.state(),
            "rate_factor": self.rate_factor,
            "pixels_random": self.pixels.random.get_state(),
            "random": random_state(),
        }

    def restore(self, checkpoint: dict[str, Any]) -> None:
        self.model.module.load_state_dict(checkpoint["model"])
        self.model.restore_schedule(checkpoint["model_schedule"])
        module = self.model.module
        saved = checkpoint["adam"] if "adam" in checkpoint else by_name(module, checkpoint["optimizers"])
        restore_adam_state(module, self.optimizers, saved)
        if checkpoint["scaler"] and self.scaler.is_enabled():  # it has no state on the CPU
            self.scaler.load_state_dict(checkpoint["scaler"])
        self.parts = checkpoint["parts"]
        self.schedule = self.schedule.restored(checkpoint)
        self.rate_factor = checkpoint["rate_factor"]
        self.pixels.random.set_state(checkpoint["pixels_random"].cpu())
        restore_random_state(checkpoint["random"])
        self.step = checkpoint["step"]

    def _gradients_that_fit(self) -> Losses:
        while True:
            try:
                return self._accumulate_gradients()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._divide_further(error)
            # Outside of the handler: the exception would keep the step's tensors alive.
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _accumulate_gradients(self) -> Losses:
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        totals: list[Tensor] = []
        errors: list[Tensor] = []
        for part in range(self.parts):
            count = self.schedule.rays_per_step // self.parts
            count += part < self.schedule.rays_per_step % self.parts
            rays, colours = self.pixels.sample(count)
            with torch.autocast(self.device.type, enabled=self.device.type == "cuda"):
                losses = self.model.losses(rays, colours)
            self.scaler.scale(self._part(losses.total)).backward()
            totals.append(self._part(losses.total.detach()))
            errors.append(self._part(losses.mean_square_error.detach()))
        return Losses(_sum(totals), _sum(errors))

    def _part(self, loss: Tensor) -> Tensor:
        """What a part of a step adds to the loss of all of it."""
        return loss if self.parts == 1 else loss / self.parts

    def _divide_further(self, error: BaseException) -> None:
        if self.schedule.rays_per_step // (2 * self.parts) < SMALLEST_PART:
            what = f"A training step does not fit into memory, even in {self.parts} parts"
            raise exhausted(self.device, what, parts=self.parts) from error
        self.parts *= 2


def _sum(values: Sequence[Tensor]) -> Tensor:
    return functools.reduce(torch.add, values)


def _optimizers(module: nn.Module, rate: float, device: torch.device) -> list[torch.optim.Optimizer]:
    """Adam for everything; on the CPU hash tables have their own, which does not visit all of their rows."""
    tables = {id(table) for table in hash_tables(module)} if device.type == "cpu" else set()
    parameters = list(module.parameters())
    others = [parameter for parameter in parameters if id(parameter) not in tables]
    found: list[torch.optim.Optimizer] = [torch.optim.Adam(others, lr=rate, eps=EPSILON, fused=True)]
    if tables:
        found.append(TableAdam([p for p in parameters if id(p) in tables], lr=rate, eps=EPSILON))
    return found
