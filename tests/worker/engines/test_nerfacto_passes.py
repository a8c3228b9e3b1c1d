"""Our forward pass of nerfstudio's model gives what its own gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from nerfstudio.models.nerfacto import NerfactoModel

from reconstruction_worker.engines.nerfacto import passes
from reconstruction_worker.engines.nerfacto.nerfacto_model import build_model
from reconstruction_worker.engines.nerfacto.settings import CPU
from reconstruction_worker.engines.rays.nerfstudio_rays import ray_bundle
from reconstruction_worker.engines.rays.rays import Rays
from reconstruction_worker.engines.training.scene_bounds import Bounds

SETTINGS = CPU | {"levels": 4, "log2TableSize": 12, "initialSampler": "uniform", "proposalWarmup": 5, "annealSteps": 5}
COUNT = 300


@pytest.fixture
def module() -> NerfactoModel:
    """With opaque, transparent and half-transparent places."""
    torch.manual_seed(1)
    bounds = Bounds(0.5, 3.5, ((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)))
    module = build_model(SETTINGS, bounds, torch.device("cpu")).module
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("hash_table"):
                parameter.normal_(std=2.0)
    return module


@pytest.fixture
def rays() -> Rays:
    generator = torch.Generator().manual_seed(2)
    origins = torch.nn.functional.normalize(torch.randn(COUNT, 3, generator=generator), dim=-1) * 2
    aims = torch.rand(COUNT, 3, generator=generator) - 0.5
    column = torch.ones(COUNT, 1)
    directions = torch.nn.functional.normalize(aims - origins, dim=-1)
    return Rays(origins, directions, 0.5 * column, 3.5 * column, torch.zeros(COUNT, 1, dtype=torch.long), 0 * column)


def test_what_is_rendered_is_what_nerfstudio_renders(module: NerfactoModel, rays: Rays) -> None:
    module.eval()
    with torch.inference_mode():
        ours, reference = passes.rendered(module, rays), module.get_outputs(ray_bundle(rays))
    assert 0.05 < reference["accumulation"].median() < 0.99
    torch.testing.assert_close(ours.alpha, reference["accumulation"])
    torch.testing.assert_close(ours.depth, reference["depth"])
    torch.testing.assert_close(ours.rgb, reference["rgb"], rtol=0, atol=passes.SHOWS * SETTINGS["samples"])


def test_rays_through_nothing_are_black(module: NerfactoModel, rays: Rays) -> None:
    module.eval()
    with torch.inference_mode():
        module.field.average_init_density = 0.0
        seen = passes.rendered(module, rays)
    assert seen.alpha.max() == 0
    assert seen.rgb.abs().max() == 0


def test_colours_and_gradients_in_training_are_those_of_nerfstudio(module: NerfactoModel, rays: Rays) -> None:
    def ours() -> torch.Tensor:
        found = passes.sampled(module, rays)
        assert len(found.proposals) == len(SETTINGS["proposalSamples"])
        return passes.colours_in_training(module.field, rays, found)

    def gradients(colours: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        torch.manual_seed(3)  # of the samples' places
        module.zero_grad(set_to_none=True)
        rgb = colours()
        rgb.square().sum().backward()
        found = {name: one.grad.clone() for name, one in module.named_parameters() if one.grad is not None}
        return rgb.detach(), found

    module.train()
    (rgb, found), (expected, wanted) = (
        gradients(each) for each in (ours, lambda: module.get_outputs(ray_bundle(rays))["rgb"])
    )
    torch.testing.assert_close(rgb, expected)
    assert found.keys() == wanted.keys()
    assert any(name.endswith("hash_table") for name in found)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-4, atol=1e-5)
