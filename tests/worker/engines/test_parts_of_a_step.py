"""A step of an engine that learns from rays, computed in parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reconstruction_worker.engines import nerfacto, vanilla_nerf
from reconstruction_worker.engines.rays.ray_trainer import RayTrainer

from .tiny_scene import write_ball
from .untrained import set_up

METHODS = {"nerfacto": nerfacto._method, "vanilla-nerf": vanilla_nerf._method}
RAYS, PARTS = 512, 4


@pytest.mark.parametrize("engine", METHODS)
def test_its_gradient_and_loss_are_the_means_of_the_parts(engine: str, tmp_path: Path) -> None:
    write_ball(tmp_path, views=4, size=16)
    method = METHODS[engine]()
    trainer = method.trainer(set_up(method, tmp_path, steps=5, raysPerStep=RAYS, gradientAccumulation=PARTS))
    assert isinstance(trainer, RayTrainer)
    assert trainer.parts == PARTS
    drawn = trainer.pixels.random.get_state()
    torch.manual_seed(0)
    together, loss = gradients(trainer)
    trainer.pixels.random.set_state(drawn)
    trainer.schedule, trainer.parts = replace(trainer.schedule, rays_per_step=RAYS // PARTS), 1
    torch.manual_seed(0)
    apart = [gradients(trainer) for _ in range(PARTS)]
    assert loss == pytest.approx(sum(each for _, each in apart) / PARTS, rel=1e-5)
    assert together.keys() == apart[0][0].keys()
    for name, gradient in together.items():
        mean = torch.stack([each[name] for each, _ in apart]).mean(0)
        torch.testing.assert_close(gradient, mean, rtol=1e-3, atol=1e-6, msg=name)
    assert any(gradient.abs().max() > 1e-4 for gradient in together.values())


def gradients(trainer: RayTrainer) -> tuple[dict[str, torch.Tensor], float]:
    """Of the next step, by the parameters' names; and its loss."""
    losses = trainer._accumulate_gradients()
    named = trainer.model.module.named_parameters()
    return {name: each.grad.clone() for name, each in named if each.grad is not None}, float(losses.total)
