"""The blur of photos, told from their edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reconstruction_worker.quality.sharpness import BLURRED, SHARP, advice, blur_of, in_words

Picture = NDArray[np.uint8]


def shapes(seed: int = 0, side: int = 320) -> Picture:
    """Polygons of all directions, drawn with four times the pixels."""
    random, large = np.random.default_rng(seed), 4 * side
    picture = np.full((large, large, 3), 128, np.uint8)
    for _ in range(60):
        corners = random.uniform(0, large, 2) + random.uniform(-large / 6, large / 6, (5, 2))
        cv2.fillPoly(picture, [corners.astype(np.int32)], random.integers(0, 255, 3).tolist())
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def blurred(picture: Picture, deviation: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation), np.uint8)


def moved(picture: Picture, pixels: int) -> Picture:
    """As a camera that moves to the side takes it."""
    kernel = np.zeros((pixels, pixels), np.float32)
    kernel[pixels // 2] = 1 / pixels
    return np.asarray(cv2.filter2D(picture, -1, kernel), np.uint8)


def test_a_sharp_picture_is_sharp() -> None:
    assert (blur_of([shapes()]) or 0) < 1.5 * SHARP


@pytest.mark.parametrize("deviation", [2.0, 3.5, 5.0])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_blur_is_measured_in_pixels(deviation: float, noise: float) -> None:
    picture = blurred(shapes(), deviation) + np.random.default_rng(1).normal(0, noise, (320, 320, 3))
    assert blur_of([picture.clip(0, 255).astype(np.uint8)]) == pytest.approx(deviation, rel=0.25)


def test_movement_blurs_what_it_crosses_only_and_is_found() -> None:
    assert (blur_of([moved(shapes(), 19)]) or 0) > BLURRED


def test_most_photos_decide() -> None:
    sharp, soft = [shapes(seed) for seed in range(3)], [blurred(shapes(seed), 5) for seed in range(2)]
    assert (blur_of([*sharp, *soft]) or 9) < 1.5 * SHARP


def test_pictures_without_edges_and_small_ones_say_nothing() -> None:
    shade = np.linspace(0, 255, 320).astype(np.uint8)
    assert blur_of([np.tile(shade[None, :, None], (320, 1, 3)), shapes(side=80)]) is None
    assert blur_of([]) is None


def test_transparency_is_no_edge() -> None:
    alpha = np.zeros((320, 320, 1), np.uint8)
    alpha[80:240, 80:240] = 255
    soft = blurred(shapes(), 5)
    assert blur_of([np.concatenate([soft, alpha], axis=-1)]) == blur_of([soft])


def test_what_is_said_names_the_size_that_would_do() -> None:
    assert "blurred by 4.2 pixels" in in_words(4.2) and "1/6 of the pixels" in in_words(4.2)
    assert "images.maxSidePixels to 100" in advice(4.2, 600)
    assert "images.maxSidePixels to 64" in advice(40, 600), "no less than the field takes"
