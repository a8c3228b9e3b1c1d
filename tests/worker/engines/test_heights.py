"""Heights from the grid are those of the triangles between the points."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import LinearNDInterpolator

from reconstruction_worker.engines.rays.heights import Heights


def hills(count: int) -> np.ndarray:
    random = np.random.default_rng(1)
    places = random.uniform([-30, 10], [50, 60], (count, 2))
    return np.column_stack([places, np.sin(places[:, 0] / 5) + np.cos(places[:, 1] / 7)])


def test_between_the_points_the_height_is_that_of_their_triangles() -> None:
    points = hills(800)
    places = np.random.default_rng(2).uniform([-28, 12], [48, 58], (20_000, 2))
    expected = LinearNDInterpolator(points[:, :2], points[:, 2])(places)
    inside = ~np.isnan(expected)
    off = np.abs(Heights(points).at(places) - expected)[inside]
    assert inside.mean() > 0.95
    assert np.percentile(off, 99) < 0.01
    assert off.max() < 0.1


def test_far_from_the_points_the_height_is_that_of_one_of_them() -> None:
    points = hills(100)
    found = Heights(points).at(np.array([[1000.0, 30.0], [-1000.0, -1000.0]]))
    assert np.abs(found[:, None] - points[:, 2]).min(axis=1).max() < 1e-9
