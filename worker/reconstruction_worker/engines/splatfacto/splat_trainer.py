"""Trains Gaussians on whole photos, and knows everything that must be saved to continue as if never interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gsplat.strategy.ops import remove
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...geometry.rendering import Camera, Field
from ..training.checkpoint_store import random_state, restore_random_state
from ..training.losses import Losses
from ..training.out_of_memory import DEVICE_SHARE, exhausted, free_bytes, is_out_of_memory
from ..training.trainer import Schedule
from .settings import RATES
from .similarity import WINDOW, gaussian_window, ssim
from .splat_field import SplatField
from .splat_model import GAUSSIANS, Splats, Views, rasterised

EPSILON = 1e-15
FEWEST = 1000
"""Gaussians below which their number is not lowered any further when memory runs out."""
SIMILARITY_SHARE = 0.2
"""Share of structural similarity in the loss (Kerbl et al. 2023); the rest is the absolute difference."""
KEPT_SHARE = 0.75
"""Share of the Gaussians to continue with when memory runs out."""


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
        self.views = Views(cameras, module.device)
        self.window = gaussian_window(module.device)
        self.schedule = schedule
        self.photos_per_step = photos_per_step
        self.device = module.device
        self.pictures = self._within_reach([torch.tensor(picture) for picture in pictures])
        self.step = 0
        self.rate_factor = 1.0
        self.slower_later = 1.0
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
        losses = self._gradients_that_fit()
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
            "most_gaussians": self.module.strategy.most,
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            **self.schedule.state(),
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
        self.module.strategy.most = checkpoint.get("most_gaussians", self.module.strategy.most)
        self.schedule = self.schedule.restored(checkpoint)
        self.rate_factor = checkpoint["rate_factor"]
        self.random.set_state(checkpoint["photos_random"].cpu())
        restore_random_state(checkpoint["random"])
        self.step = self.module.step = checkpoint["step"]

    def _gradients_that_fit(self) -> Losses:
        """Of as many Gaussians as there is memory for."""
        while True:
            drawn = self.random.get_state()
            try:
                return self._accumulate_gradients()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                count = self._fewer(error)
            # Outside of the handler: the exception would keep the step's tensors alive.
            self._clear_gradients()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self._keep_most_opaque(count)
            self.random.set_state(drawn)

    def _fewer(self, error: BaseException) -> int:
        """How many Gaussians to continue with when there is no memory for those there are."""
        count = len(self.module.means)
        if count // 2 < FEWEST:
            what = f"A training step with {count} Gaussians does not fit into memory"
            raise exhausted(self.device, what, gaussians=count) from error
        return int(KEPT_SHARE * count)

    def _keep_most_opaque(self, count: int) -> None:
        """Remove the other Gaussians, for good: there will never be more again."""
        opacities = self.module.opacities.detach().flatten()
        weak = torch.ones_like(opacities, dtype=torch.bool)
        weak[opacities.topk(count).indices] = False
        remove(self.module.gauss_params, self.optimizers, self.module.strategy_state, weak)
        self.module.strategy.most = count

    def _accumulate_gradients(self) -> Losses:
        """Of the mean loss of the step's photos. Each photo's own gradients are what refinement goes by."""
        self._clear_gradients()
        totals: list[Tensor] = []
        errors: list[Tensor] = []
        for photo in range(self.photos_per_step):
            index = int(torch.randint(len(self.pictures), (), generator=self.random))
            losses = self._losses(index)
            losses.total.backward()
            if photo < self.photos_per_step - 1:
                module = self.module
                module.strategy.add_photo(module.gauss_params, module.strategy_state, self.step, module.info)
            totals.append(losses.total.detach())
            errors.append(losses.mean_square_error)
        if self.photos_per_step > 1:
            for parameter in self.module.gauss_params.values():
                if parameter.grad is not None:
                    parameter.grad /= self.photos_per_step
        return Losses(_mean(totals), _mean(errors))

    def _clear_gradients(self) -> None:
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()

    def _losses(self, index: int) -> Losses:
        """Of one photo: nerfstudio's, over a random background where the photo has a mask."""
        shrunk = 2 ** max(self.module.config.num_downscales - self.step // self.module.config.resolution_schedule, 0)
        seen = rasterised(self.module, self.views, index, shrunk)
        photo = self.pictures[index].to(self.device, non_blocking=True) / 255
        if shrunk > 1:
            photo = functional.avg_pool2d(photo.permute(2, 0, 1)[None], shrunk)[0].permute(1, 2, 0)
        background = torch.rand(3, device=self.device)
        rgb = torch.addcmul(seen.rgb + background, seen.alpha, background, value=-1).clamp(0, 1)
        truth = torch.lerp(background, photo[..., :3], photo[..., 3:]) if photo.shape[2] == 4 else photo
        total = (1 - SIMILARITY_SHARE) * functional.l1_loss(rgb, truth)
        if min(rgb.shape[:2]) >= WINDOW:
            total = torch.add(total, ssim(rgb, truth, self.window), alpha=-SIMILARITY_SHARE) + SIMILARITY_SHARE
        return Losses(total, functional.mse_loss(rgb.detach(), truth))

    def _new_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            name: torch.optim.Adam([self.module.gauss_params[name]], lr=RATES[name], eps=EPSILON, fused=True)
            for name in GAUSSIANS
        }

    def _within_reach(self, pictures: Sequence[Tensor]) -> list[Tensor]:
        """Pictures on the device where they fit, else where they get there from without waiting."""
        if self.device.type == "cpu":
            return list(pictures)
        if sum(picture.nbytes for picture in pictures) <= DEVICE_SHARE * free_bytes(self.device):
            return [picture.to(self.device) for picture in pictures]
        return [picture.pin_memory() for picture in pictures]

    def _here(self, value: Any) -> Any:
        return value.to(self.device) if isinstance(value, Tensor) else value


def _mean(values: Sequence[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.stack(list(values)).mean()
