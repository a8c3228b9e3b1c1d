"""FLIP by its paper. The figures are those of its authors' program (PyPI flip-evaluator 1.7) on the same pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reconstruction_worker.quality.flip import flip, flip_map

Picture = NDArray[np.float64]


def waves() -> Picture:
    """Smooth and fine structure in colours. [90, 120, 3]"""
    y, x = np.mgrid[:90, :120] / 10.0
    channels = [0.5 + 0.4 * np.sin(x + 2 * y), 0.5 + 0.4 * np.sin(3 * x - y), 0.5 + 0.3 * np.cos(x * y)]
    return np.stack(channels, axis=-1)


def noisy(picture: Picture) -> Picture:
    return (picture + np.random.default_rng(3).normal(0, 0.05, picture.shape)).clip(0, 1)


def blurred(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0), np.float64)


def grey(value: float) -> Picture:
    return np.full((12, 16, 3), value)


@pytest.mark.parametrize(
    ("picture", "reference", "expected"),
    [
        (waves(), waves(), 0.0),
        (noisy(waves()), waves(), 0.10558),
        (blurred(waves()), waves(), 0.30310),
        (waves()[:, ::-1], waves(), 0.83015),
        (grey(0.2), grey(0.8), 0.95247),
    ],
)
def test_the_mean_is_that_of_the_authors_program(picture: Picture, reference: Picture, expected: float) -> None:
    assert flip(picture, reference) == pytest.approx(expected, abs=1e-4)


def test_what_is_too_fine_to_be_seen_from_the_distance_counts_little() -> None:
    checks = np.indices((64, 64)).sum(axis=0)[..., None] % 2 * np.ones(3)
    pale = 0.5 + 0.1 * (checks - 0.5)
    assert flip(pale, np.full((64, 64, 3), 0.5)) < 0.5 * flip(np.full((64, 64, 3), 0.6), np.full((64, 64, 3), 0.5))


def test_a_difference_is_where_the_pictures_differ() -> None:
    changed = waves()
    changed[40:50, 60:70] = 0
    found = flip_map(changed, waves())
    assert found.shape == (90, 120)
    assert found[45, 65] > 0.3
    assert found[:20].max() == 0
