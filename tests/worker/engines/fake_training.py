"""A training on a fake GPU, as `TrainableEngine.fit` sets it up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from reconstruction_api.engines import ENGINES, EngineSpec
from reconstruction_worker.engines import nerfacto, splatfacto, splats, vanilla_nerf
from reconstruction_worker.engines.splatfacto.splat_model import Splats
from reconstruction_worker.engines.training.fit import Method, Setup, _bounds
from reconstruction_worker.engines.training.posed_photos import read_scene
from reconstruction_worker.engines.training.trainer import Trainer
from reconstruction_worker.geometry.rendering import Camera, Field

from .fake_backward import walked_backward
from .fake_cuda import Usage, fake_cuda
from .fake_rasteriser import fake_harmonics, fake_rasterization
from .tiny_scene import context, look_at_origin, write_ball

METHODS = {
    "nerfacto": nerfacto._method,
    "vanilla-nerf": vanilla_nerf._method,
    "splatfacto": splatfacto._method,
    "splats": splats._method,
}
ENGINES_PACKAGE = "reconstruction_worker.engines"
LARGEST_GRIDS = {"levels": 16, "log2TableSize": 19, "maxResolution": 4096}
"""What nerfacto takes for many large photos."""


@dataclass
class FakeTraining:
    """What was set up, and what it uses."""

    spec: EngineSpec
    usage: Usage
    method: Method
    setup: Setup
    trainer: Trainer

    @property
    def settings(self) -> dict[str, Any]:
        return self.setup.settings

    @property
    def module(self) -> torch.nn.Module | None:
        trainer: Any = self.trainer
        places = {"splatfacto": lambda: trainer.module, "splats": lambda: None}
        return places.get(self.spec.name, lambda: trainer.model.module)()

    def held(self) -> list[torch.Tensor]:
        """All that is learnt, and what belongs to it."""
        if self.module is not None:
            return [*self.module.parameters(), *self.module.buffers()]
        cloud = self.trainer.cloud  # type: ignore[attr-defined]
        return [*cloud.parameters.values(), *cloud.slopes.by.values(), cloud.shown]

    def step(self) -> Usage:
        """One, and what it used."""
        with self.usage.part() as part:
            self.trainer.train_step()
        return part

    def render(self, field: Field, side: int = 128) -> Usage:
        with self.usage.part() as part:
            field.render(Camera(look_at_origin(0.3, 0.2), side, side, side / 2, side / 2, side, side))
        return part

    def again(self, device: str = "cuda") -> Trainer:
        """Another trainer of the same kind, as a process makes it that continues."""
        return self.method.trainer(for_one_trainer(replace(self.setup, device=torch.device(device))))


def for_one_trainer(setup: Setup) -> Setup:
    """A trainer takes the pictures out of its setup."""
    return replace(setup, pictures=list(setup.pictures))


def _any_neighbours(module: Any, points: torch.Tensor, count: int) -> Any:
    return np.full((len(points), count), 0.1, np.float32), None


@contextlib.contextmanager
def fake_training(
    engine: str, workspace: Path, *, free: int | None = None, settings: dict[str, Any] | None = None, **training: Any
) -> Iterator[FakeTraining]:
    """On a GPU with so much memory, by default as little as the engine begins with."""
    spec = ENGINES[engine]
    if not (workspace / "poses").exists():
        write_ball(workspace, views=6, size=40)
    scene = read_scene(workspace)
    photos = list(scene.photos)
    pictures = [photo.pixels() for photo in photos]
    wanted = context(workspace, training={"steps": 30_000, **training}).spec.training
    bounds = _bounds(scene, [photo.camera for photo in photos], pictures)
    largest = LARGEST_GRIDS if engine == "nerfacto" else {}
    with contextlib.ExitStack() as stack:
        usage = stack.enter_context(fake_cuda(spec.min_vram_bytes if free is None else free))
        for place in ("splatfacto.splat_model", "gaussians.gsplat_rasteriser.rendering"):
            stack.enter_context(mock.patch(f"{ENGINES_PACKAGE}.{place}.rasterization", fake_rasterization(usage)))
        harmonics = f"{ENGINES_PACKAGE}.gaussians.gsplat_rasteriser.spherical_harmonics"
        stack.enter_context(mock.patch(harmonics, fake_harmonics(usage)))
        stack.enter_context(mock.patch.object(Splats, "k_nearest_sklearn", _any_neighbours))
        method, device = METHODS[engine](), torch.device("cuda")
        derived = method.settings(scene, bounds, wanted, device) | largest | (settings or {})
        setup = Setup(scene, photos, pictures, bounds, derived, wanted, device)
        stack.enter_context(walked_backward())
        yield FakeTraining(spec, usage, method, setup, method.trainer(for_one_trainer(setup)))
