"""Where an open scene can be."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reconstruction_worker.engines.rays.keypoints import find_ground
from reconstruction_worker.engines.training.extent import ground_box
from reconstruction_worker.engines.training.posed_photos import PosedPhoto, Scene
from reconstruction_worker.geometry.rendering import Camera


def aerial(x: float, y: float, tilt: float = 0.0, height: float = 1.0) -> Camera:
    """A camera at (x, y, height) that looks straight down, turned up by `tilt` degrees."""
    angle = math.radians(tilt)
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]]
    pose[:3, 3] = x, y, height
    return Camera(pose, 100.0, 100.0, 50.0, 40.0, 100, 80)


def ground(count: int = 400) -> NDArray[np.float64]:
    random = np.random.default_rng(1)
    return np.column_stack([random.uniform(-1, 1, (count, 2)), random.uniform(0, 0.1, count)])


def test_photos_from_the_air_show_a_slab_as_wide_as_what_they_see() -> None:
    cameras = [aerial(-1, 0), aerial(1, 0)]
    box = ground_box(cameras, ground())
    assert box is not None
    low, high = box
    assert low[2] < 0
    assert 0.1 < high[2] < 0.6
    assert high[0] == pytest.approx(1 + 0.5 * (1 - low[2]), abs=1e-6)
    assert low[1] == pytest.approx(-0.4 * (1 - low[2]), abs=1e-6)


@pytest.mark.parametrize(
    "cameras",
    [
        pytest.param([aerial(-1, 0), aerial(1, 0, tilt=70)], id="one sees the horizon"),
        pytest.param([aerial(-1, 0), aerial(1, 0, height=0.15)], id="one is among what it photographs"),
    ],
)
def test_other_scenes_have_no_slab(cameras: list[Camera]) -> None:
    assert ground_box(cameras, ground()) is None


def test_too_few_points_say_nothing_about_the_ground() -> None:
    assert ground_box([aerial(-1, 0), aerial(1, 0)], ground(20)) is None


def test_the_ground_between_the_points_is_where_rays_meet_it(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.linspace(-3, 3, 25), np.linspace(-3, 3, 25))
    slope = np.column_stack([x.ravel(), y.ravel(), 0.1 * x.ravel()])
    photos = tuple(PosedPhoto(f"{i}.png", tmp_path / f"{i}.png", aerial(i - 0.5, 0)) for i in range(2))
    scene = Scene(photos, False, np.array([[-1.0] * 3, [1.0] * 3]), 0.1, 2.0, slope)
    found = find_ground(scene, photos[1:])
    assert len(found) == 20 * 25
    assert 0.1 < found.reach < 0.2
    camera = photos[1].camera
    right = (found.columns + 0.5 - camera.cx) / camera.fx
    forward = (found.rows + 0.5 - camera.cy) / camera.fy
    level = 0.1 * (0.5 + right) / (1 + 0.1 * right)  # where the ray at `right` a unit of depth meets the slope
    expected = (1 - level) * np.sqrt(1 + right**2 + forward**2)
    np.testing.assert_allclose(found.distances, expected, rtol=2e-3)
