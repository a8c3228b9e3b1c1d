"""Gaussians turned, ordered, weighed by what cameras see of them, and made fewer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reconstruction_worker.geometry.contribution import contributions, covariance
from reconstruction_worker.geometry.gaussian_sets import chosen, rotated, z_order
from reconstruction_worker.geometry.gaussians import Gaussians
from reconstruction_worker.geometry.harmonics import CONSTANT, basis
from reconstruction_worker.geometry.merging import reduced

from .scenes import around, paint
from .splat_picture import psnr, splat_picture


def ball(count: int, radius: float = 0.6, opacity: float = 0.9, coefficients: int = 1) -> Gaussians:
    """Discs on a painted sphere that just cover it, evenly spread."""
    index = np.arange(count) + 0.5
    z, turn = 1 - 2 * index / count, np.pi * (1 + 5**0.5) * index
    normals = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)
    size = radius * np.sqrt(4 * np.pi / count) * 0.7
    facing = Rotation.concatenate([Rotation.align_vectors([n], [[0, 0, 1]])[0] for n in normals])
    harmonics = np.zeros((count, coefficients, 3), np.float32)
    harmonics[:, 0] = (paint(radius * normals) - 0.5) / CONSTANT
    return Gaussians(
        means=(radius * normals).astype(np.float32),
        scales=np.tile(np.array([size, size, 0.05 * size], np.float32), (count, 1)),
        rotations=np.roll(facing.as_quat(), 1, axis=1).astype(np.float32),
        opacities=np.full(count, opacity, np.float32),
        harmonics=harmonics,
    )


def together(*parts: Gaussians) -> Gaussians:
    return Gaussians(
        means=np.concatenate([part.means for part in parts]),
        scales=np.concatenate([part.scales for part in parts]),
        rotations=np.concatenate([part.rotations for part in parts]),
        opacities=np.concatenate([part.opacities for part in parts]),
        harmonics=np.concatenate([part.harmonics for part in parts]),
    )


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_turned_scene_looks_the_same_from_a_turned_camera(degree: int) -> None:
    rng = np.random.default_rng(degree)
    harmonics = rng.normal(size=(40, (degree + 1) ** 2, 3)).astype(np.float32)
    gaussians = replace(ball(40), harmonics=harmonics)
    turn = Rotation.from_euler("xyz", (0.4, -1.1, 2.0)).as_matrix()
    after = rotated(gaussians, turn)
    assert np.allclose(after.means, gaussians.means @ turn.T, atol=1e-6)
    assert np.allclose(covariance(after), turn @ covariance(gaussians) @ turn.T, atol=1e-6)
    along = rng.normal(size=(9, 3))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    seen = np.einsum("dk,nkc->ndc", basis(along, degree), gaussians.harmonics)
    assert np.allclose(np.einsum("dk,nkc->ndc", basis(along @ turn.T, degree), after.harmonics), seen, atol=1e-5)


def test_neighbours_in_the_z_order_are_near_each_other() -> None:
    points = np.random.default_rng(0).uniform(size=(4000, 3))
    order = z_order(points)
    assert sorted(order) == list(range(4000))
    steps = np.linalg.norm(np.diff(points[order], axis=0), axis=1)
    assert steps.mean() < 0.15 * np.linalg.norm(np.diff(points, axis=0), axis=1).mean()


def test_what_is_hidden_or_faint_adds_little_to_a_view() -> None:
    outside, inside, faint = ball(800), ball(800, radius=0.3), ball(800, radius=0.61, opacity=0.01)
    added = contributions(together(outside, inside, faint), around(8)).reshape(3, 800).sum(axis=1)
    assert added[1] < 0.02 * added[0] and added[2] < 0.05 * added[0]


def test_contributions_are_the_light_that_gaussians_take_from_a_picture() -> None:
    """Their sum over all is what is covered of it."""
    (camera,) = around(1, size=120)
    white = replace(ball(500), harmonics=np.full((500, 1, 3), 0.5 / CONSTANT, np.float32))
    covered = splat_picture(white, camera)[..., 0].sum()
    assert contributions(white, [camera]).sum() == pytest.approx(covered, rel=1e-3)


def test_without_cameras_a_scene_is_looked_at_from_around() -> None:
    added = contributions(together(ball(600), ball(600, radius=0.3)), [])
    assert added[:600].min() > 0 and added[600:].sum() < 0.05 * added[:600].sum()


def test_half_as_many_look_nearly_the_same_and_the_hidden_ones_go_first() -> None:
    visible = ball(1200)
    gaussians = together(visible, ball(400, radius=0.3))
    views = around(6, size=100)
    weights = contributions(gaussians, views)
    fewer = reduced(gaussians, weights, 1200)
    assert len(fewer) == 1200 and (np.linalg.norm(fewer.means, axis=1) > 0.5).mean() > 0.97
    half = reduced(gaussians, weights, 600)
    most = chosen(gaussians, np.argsort(-weights)[:600])
    truth = splat_picture(gaussians, views[2])
    assert len(half) == 600
    assert psnr(splat_picture(half, views[2]), truth) > max(24, psnr(splat_picture(most, views[2]), truth) + 3)


def test_a_merged_gaussian_has_the_moments_of_both() -> None:
    pair = replace(
        ball(2),
        means=np.array([[0, 0, 0], [0.3, 0, 0]], np.float32),
        rotations=np.tile(np.array([1, 0, 0, 0], np.float32), (2, 1)),
        scales=np.full((2, 3), 0.1, np.float32),
    )
    others = [replace(pair, means=pair.means * 30 + np.float32(away)) for away in (9, 20, 31)]
    merged = reduced(together(pair, *others), np.array([1, 1, 5, 5, 5, 5, 5, 5], np.float32), 7)
    new = chosen(merged, np.linalg.norm(merged.means, axis=1).argmin(keepdims=True))
    assert np.allclose(new.means, [[0.15, 0, 0]], atol=1e-6)
    assert np.allclose(covariance(new)[0], np.diag([0.01 + 0.15**2, 0.01, 0.01]), atol=1e-6)
