"""What replaces nerfstudio's sampling on a GPU gives the same samples; here on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.field_components.encodings import SHEncoding
from nerfstudio.model_components.ray_samplers import (
    PDFSampler,
    SpacedSampler,
    UniformLinDispPiecewiseSampler,
    UniformSampler,
)

from reconstruction_worker.engines.gpu_kernels.sampling import narrow_intervals
from reconstruction_worker.engines.rays.denser_samples import DenserSamples
from reconstruction_worker.engines.rays.direction_polynomial import DirectionPolynomial
from reconstruction_worker.engines.rays.even_samples import EvenSamples
from reconstruction_worker.engines.rays.weighed_samples import weighed_by_kernel
from reconstruction_worker.engines.training.visual_hull import STEPS, VisualHull

CPU = torch.device("cpu")
RAYS, COUNT = 200, 24
SAMPLERS = [UniformSampler, UniformLinDispPiecewiseSampler]


def bundle() -> RayBundle:
    random = torch.Generator().manual_seed(0)
    origins, towards = torch.randn(2, RAYS, 3, generator=random).unbind()
    near = 0.5 + torch.rand(RAYS, 1, generator=random)
    return RayBundle(
        origins=origins,
        directions=towards / towards.norm(dim=-1, keepdim=True),
        pixel_area=torch.ones(RAYS, 1),
        nears=near,
        fars=near + 1 + torch.rand(RAYS, 1, generator=random),
    )


def equal(ours: RaySamples, theirs: RaySamples) -> None:
    for one, other in (
        (ours.frustums.starts, theirs.frustums.starts),
        (ours.frustums.ends, theirs.frustums.ends),
        (ours.spacing_starts, theirs.spacing_starts),
        (ours.spacing_ends, theirs.spacing_ends),
        (ours.deltas, theirs.deltas),
    ):
        assert one is not None and other is not None
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", SAMPLERS)
def test_first_samples_are_nerfstudios(kind: Callable[..., SpacedSampler], training: bool) -> None:
    sampler = kind(num_samples=COUNT, single_jitter=True)
    sampler.train(training)
    ours = EvenSamples(sampler, COUNT, CPU)
    torch.manual_seed(1)
    expected = sampler.generate_ray_samples(bundle(), num_samples=COUNT)
    torch.manual_seed(1)
    equal(ours(bundle(), num_samples=COUNT), expected)


@pytest.mark.parametrize("weights", ["random", "nothing", "one"])
@pytest.mark.parametrize("kind", SAMPLERS)
def test_denser_samples_are_nerfstudios(kind: Callable[..., SpacedSampler], weights: str) -> None:
    rays = bundle()
    first = EvenSamples(kind(num_samples=COUNT, single_jitter=True).eval(), COUNT, CPU)(rays)
    known = torch.rand(RAYS, COUNT, 1, generator=torch.Generator().manual_seed(2)) ** 4
    if weights != "random":
        known = torch.zeros_like(known)
        known[:, COUNT // 3] = 0.0 if weights == "nothing" else 1.0
    sampler = PDFSampler(include_original=False, single_jitter=True).eval()
    expected = sampler.generate_ray_samples(rays, first, known, num_samples=16)
    equal(DenserSamples(sampler)(rays, first, known, num_samples=16), expected)


def test_denser_samples_are_moved_together_in_training() -> None:
    rays = bundle()
    first = EvenSamples(UniformSampler(num_samples=COUNT, single_jitter=True).eval(), COUNT, CPU)(rays)
    sampler = PDFSampler(include_original=False, single_jitter=True).train()
    ours = DenserSamples(sampler)
    one, other = (ours(rays, first, torch.ones(RAYS, COUNT, 1), num_samples=16).spacing_starts for _ in range(2))
    assert one is not None and other is not None
    moved = (one - other)[:, 1:-1, 0]
    assert moved.abs().max() > 1e-3
    torch.testing.assert_close(moved, moved.mean(1, keepdim=True).expand_as(moved), rtol=0, atol=1e-4)


def test_rays_are_narrowed_as_on_the_cpu() -> None:
    side = 24
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, side)] * 3, indexing="ij")
    hull = VisualHull(torch.from_numpy(x**2 + y**2 + z**2 < 0.4), torch.tensor([[-1.0] * 3, [1.0] * 3]))
    rays = bundle()
    assert rays.nears is not None and rays.fars is not None
    near, far = torch.zeros_like(rays.nears), rays.fars + 2
    expected = torch.cat(hull.narrow(rays.origins, rays.directions, near, far), 1)
    interval = torch.cat((near, far), 1)
    found = narrow_intervals(rays.origins, rays.directions, interval, hull.occupied, hull._grid(), STEPS)
    hit = expected[:, 1] > expected[:, 0]
    assert 10 < int(hit.sum()) < RAYS
    assert float(((found - expected).abs() < 1e-5).float().mean()) > 0.99, "but for points on the side of a cell"


def test_directions_are_encoded_as_by_nerfstudio() -> None:
    encoding = SHEncoding(levels=4, implementation="torch")
    directions = torch.rand(100, 3, generator=torch.Generator().manual_seed(3))
    ours = DirectionPolynomial(encoding, CPU)(directions)
    torch.testing.assert_close(ours, encoding(directions), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("density", ["thin", "mixed", "opaque", "infinite"])
def test_weights_and_their_gradients_are_nerfstudios(density: str) -> None:
    sampler = UniformSampler(num_samples=COUNT, single_jitter=True).eval()
    theirs = sampler.generate_ray_samples(bundle(), num_samples=COUNT)
    ours = weighed_by_kernel(sampler.generate_ray_samples)(bundle(), num_samples=COUNT)
    random = torch.Generator().manual_seed(4)
    scale = {"thin": 1e-4, "mixed": 20.0, "opaque": 1e4, "infinite": 20.0}[density]
    known = scale * torch.rand(RAYS, COUNT, 1, generator=random) ** 4
    if density == "infinite":
        known[:, COUNT // 2] = torch.inf
    slopes = torch.randn(RAYS, COUNT, 1, generator=random)
    found = []
    for samples in (ours, theirs):
        densities = known.clone().requires_grad_()
        weights = samples.get_weights(densities)
        (gradient,) = torch.autograd.grad((weights * slopes).sum(), densities)
        found.append((weights.detach(), gradient if density != "infinite" else torch.zeros(())))
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-5)
        assert density == "infinite" or float(other.abs().max()) > 1e-6


def test_infinite_densities_in_empty_intervals_are_weighed() -> None:
    sampler = UniformSampler(num_samples=COUNT, single_jitter=True).eval()
    empty = bundle()
    empty.fars = empty.nears  # rays that have nothing to see
    samples = weighed_by_kernel(sampler.generate_ray_samples)(empty, num_samples=COUNT)
    densities = torch.full((RAYS, COUNT, 1), torch.inf, requires_grad=True)
    weights = samples.get_weights(densities)
    weights.sum().backward()
    assert densities.grad is not None
    assert float(weights.min()) >= 0
    assert float(weights.sum(1).max()) <= 1
    assert torch.isfinite(densities.grad).all()
