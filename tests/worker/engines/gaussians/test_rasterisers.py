"""Pictures, losses and slopes of the rasterisers beside those of a slow and plain one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from reconstruction_worker import compiled
from reconstruction_worker.engines.gaussians.numba_rasteriser import NumbaRasteriser
from reconstruction_worker.engines.gaussians.parameters import NAMES, Parameters
from reconstruction_worker.engines.gaussians.rasteriser import Comparison, Rasteriser, Slopes, Target
from reconstruction_worker.engines.gaussians.shot import Shot
from reconstruction_worker.geometry.rendering import Camera

from . import reference

COUNT, DEGREE = 200, 3


@pytest.fixture(params=["numba", "gsplat"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """gsplat's kernels need CUDA; its functions in torch take their place."""
    if request.param == "gsplat":
        from gsplat.cuda._torch_impl import _spherical_harmonics

        from reconstruction_worker.engines.gaussians import gsplat_rasteriser
        from tests.worker.engines import slow_rasteriser

        monkeypatch.setattr(gsplat_rasteriser.rendering, "rasterization", slow_rasteriser.rasterization)
        monkeypatch.setattr(gsplat_rasteriser, "spherical_harmonics", _spherical_harmonics)
    return request.param


def rasteriser(kind: str, *, antialiased: bool) -> Rasteriser:
    if kind == "numba":
        return NumbaRasteriser(antialiased=antialiased)
    from reconstruction_worker.engines.gaussians.gsplat_rasteriser import GsplatRasteriser

    return GsplatRasteriser(torch.device("cpu"), antialiased=antialiased)


def some_gaussians() -> Parameters:
    random = np.random.default_rng(0)
    values = {
        "means": random.normal(0, 0.8, (COUNT, 3)),
        "scales": random.uniform(-4, -1.2, (COUNT, 3)),
        "rotations": random.normal(0, 1, (COUNT, 4)),
        "opacities": random.normal(0, 1.5, (COUNT, 1)),
        "harmonics": random.normal(0, 0.25, (COUNT, 16, 3)),
    }
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}


def a_shot() -> Shot:
    """Not square, not whole tiles, the middle not in the middle; some Gaussians are beside and behind it."""
    turn = 0.4
    pose = np.eye(4)
    pose[:3, :3] = [[math.cos(turn), 0, math.sin(turn)], [0, 1, 0], [-math.sin(turn), 0, math.cos(turn)]]
    pose[:3, 3] = pose[:3, 2] * 2.2 + [0.1, 0.2, 0]
    return Shot.of(Camera(pose, 60, 65, 40, 27.5, 75, 60))


def a_target(shot: Shot) -> Target:
    random = np.random.default_rng(1)
    alpha = (random.uniform(size=(shot.height, shot.width)) > 0.3).astype(np.float32)
    colours = random.uniform(size=(3, shot.height, shot.width)) * alpha
    planes, alphas = (torch.from_numpy((255 * value).astype(np.uint8)) for value in (colours, alpha))
    return Target(planes, alphas, np.array([0.2, 0.9, 0.4], np.float32), np.array([1.2, 0.9, 1.05], np.float32))


@dataclass(frozen=True)
class Outcome:
    comparison: Comparison
    slopes: Slopes


def compared(used: Rasteriser, gaussians: Parameters) -> Outcome:
    shot = a_shot()
    slopes = Slopes({name: torch.zeros_like(gaussians[name]) for name in NAMES}, torch.zeros(COUNT, 3))
    return Outcome(used.compare(gaussians, shot, a_target(shot), DEGREE, slopes), slopes)


@pytest.mark.parametrize("antialiased", [False, True])
def test_the_picture_is_the_references(kind: str, antialiased: bool) -> None:
    gaussians, shot = some_gaussians(), a_shot()
    shown = rasteriser(kind, antialiased=antialiased).show(gaussians, shot, DEGREE)
    picture, rest = reference.drawn(doubled(gaussians), shot, DEGREE, antialiased=antialiased)
    assert np.abs(shown.colours - picture.detach().numpy()).max() < 1e-3
    assert np.abs(shown.alphas - 1 + rest.detach().numpy()).max() < 1e-3


@pytest.mark.parametrize("antialiased", [False, True])
def test_loss_and_slopes_are_the_references(kind: str, antialiased: bool) -> None:
    gaussians, shot = some_gaussians(), a_shot()
    outcome = compared(rasteriser(kind, antialiased=antialiased), gaussians)
    exact, target = doubled(gaussians), a_target(shot)
    gains = torch.from_numpy(target.gains).double().requires_grad_()
    photo, alpha = target.planes.permute(1, 2, 0).double() / 255, target.alpha.double() / 255
    picture, rest = reference.drawn(exact, shot, DEGREE, antialiased=antialiased)
    loss = reference.loss(picture, rest, photo, alpha, torch.from_numpy(target.background).double(), gains)
    loss.backward()
    assert outcome.comparison.loss == pytest.approx(float(loss.detach()), rel=1e-4)
    for name in NAMES:
        assert far_off(outcome.slopes.by[name], exact[name].grad) < 3e-3, name
    assert gains.grad is not None
    assert outcome.comparison.by_gains == pytest.approx(gains.grad.numpy(), rel=1e-3)


def test_both_say_alike_what_each_gaussian_shows(kind: str) -> None:
    gaussians = some_gaussians()
    shown = compared(rasteriser(kind, antialiased=False), gaussians).slopes.shown
    mine = compared(NumbaRasteriser(antialiased=False), gaussians).slopes.shown
    assert far_off(shown[:, 0], mine[:, 0]) < 3e-3
    assert far_off(shown[:, 2], mine[:, 2]) < 3e-3


def test_any_number_of_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        compiled._pool.cache_clear()
        outcomes.append(compared(NumbaRasteriser(antialiased=True), some_gaussians()))
    compiled._pool.cache_clear()
    first, *others = outcomes
    for other in others:
        assert other.comparison.loss == first.comparison.loss
        assert all(torch.equal(other.slopes.by[name], first.slopes.by[name]) for name in NAMES)
        assert torch.equal(other.slopes.shown, first.slopes.shown)


def doubled(gaussians: Parameters) -> Parameters:
    return {name: value.double().requires_grad_() for name, value in gaussians.items()}


def far_off(found: Tensor, exact: Tensor | None) -> float:
    """Length of the difference as a share of the exact slopes'."""
    assert exact is not None
    return float((found - exact).norm() / exact.norm())


def test_all_that_a_training_needs_can_be_compiled_before() -> None:
    """Nothing is left to be compiled when an engine trains: the arguments have the same types."""
    from reconstruction_worker.engines.gaussians import backward, chain_rule, forward, picture_kernels, projection
    from reconstruction_worker.engines.splats import adam
    from reconstruction_worker.engines.splats.compile_kernels import compile_kernels
    from reconstruction_worker.engines.training import hull_kernels

    compile_kernels()
    kernels = [projection.project, forward.draw, forward.draw_depths, backward.slopes_of_pairs]
    kernels += [chain_rule.slopes_of_gaussians, picture_kernels.compose, picture_kernels.similarity]
    kernels += [picture_kernels.slopes_of_picture, picture_kernels.into_tiles, adam.step_of_adam]
    kernels += [hull_kernels.look_up]
    known = [len(kernel.block.signatures) for kernel in kernels]
    compared(NumbaRasteriser(antialiased=False), some_gaussians())
    assert [len(kernel.block.signatures) for kernel in kernels] == known
    assert all(known)
