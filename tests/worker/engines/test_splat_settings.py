"""What splats choose for a scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reconstruction_api.training import Training
from reconstruction_worker.engines.splats.overlap import overlap_is_small, photos_of_a_place
from reconstruction_worker.engines.splats.settings import (
    BYTES_PER_GAUSSIAN,
    MEMORY_SHARE,
    ROUNDS_OF_SMALL_OVERLAP,
    STEPS_OF_FEW,
    derive_settings,
)
from reconstruction_worker.engines.training.posed_photos import PosedPhoto, Scene
from reconstruction_worker.geometry.rendering import Camera

PHOTOS, SIDE = 20, 100


def a_flight(apart: float, count: int = PHOTOS) -> Scene:
    """Photos straight down from 10 units, each of 10 x 10 units of the ground below, in a row."""
    photos = []
    for index in range(count):
        pose = np.eye(4)
        pose[:3, 3] = index * apart, 0, 10
        camera = Camera(pose, SIDE, SIDE, SIDE / 2, SIDE / 2, SIDE, SIDE)
        photos.append(PosedPhoto(f"{index}.png", Path(f"{index}.png"), camera))
    x = np.linspace(0, (count - 1) * apart, 200)
    ground = np.stack([x, np.zeros(200), np.zeros(200)], axis=1)
    box = np.array([[-5.0, -5, -1], [5 + x[-1], 5, 1]])
    return Scene(tuple(photos), False, box, 1, 20, points=ground)


def settings(scene: Scene, **training: Any) -> dict[str, Any]:
    return derive_settings(scene, Training.model_validate(training), torch.device("cpu"))


@pytest.mark.parametrize(("apart", "photos"), [(2.0, 5), (0.5, 16)])
def test_photos_of_a_place_are_counted(apart: float, photos: int) -> None:
    scene = a_flight(apart)
    assert photos_of_a_place([photo.camera for photo in scene.photos], scene.points) == pytest.approx(photos, abs=3)


def test_where_few_photos_show_a_place_they_are_not_learnt_by_heart() -> None:
    few, many = settings(a_flight(2.0)), settings(a_flight(0.5))
    assert few["steps"] == ROUNDS_OF_SMALL_OVERLAP * PHOTOS
    assert many["steps"] == 6000


@pytest.mark.parametrize(
    ("photos", "steps"), [(2, STEPS_OF_FEW), (10, STEPS_OF_FEW), (11, ROUNDS_OF_SMALL_OVERLAP * 11)]
)
def test_few_photos_are_learnt_soon(photos: int, steps: int) -> None:
    assert settings(a_flight(2.0, photos))["steps"] == steps
    assert settings(a_flight(2.0, photos), steps=900)["steps"] == 900


def test_who_says_how_long_to_train_gets_it() -> None:
    assert settings(a_flight(2.0), steps=700)["steps"] == 700
    assert settings(a_flight(2.0), gradientAccumulation=4)["steps"] == ROUNDS_OF_SMALL_OVERLAP * PHOTOS // 4


def test_there_are_no_more_gaussians_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plenty = settings(a_flight(0.5))["mostGaussians"]
    free = int(1500 * BYTES_PER_GAUSSIAN / MEMORY_SHARE)
    monkeypatch.setattr("reconstruction_worker.engines.splats.settings.free_bytes", lambda _: free)
    assert settings(a_flight(0.5))["mostGaussians"] == 1500 < plenty


def test_without_points_nothing_is_known_of_the_overlap() -> None:
    scene = a_flight(2.0)
    assert overlap_is_small(scene)
    assert not overlap_is_small(Scene(scene.photos, False, scene.box, scene.near, scene.far))
