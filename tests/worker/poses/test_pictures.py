"""Undistorted pictures of photos that were taken by several cameras."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image

from reconstruction_worker.ingest.dataset import DatasetImage
from reconstruction_worker.poses.output import World
from reconstruction_worker.poses.undistorted_pictures import MOST_AT_ONCE, write_pictures
from reconstruction_worker.poses.world import settle

from .scenes import a_model, survey_poses, write_ingest

WIDTH, HEIGHT = 200, 150
MAP_BYTES = WIDTH * HEIGHT * 2 * 4
"""Column and row of each pixel."""


def survey(workspace: Path, cameras: list[int]) -> tuple[World, dict[str, DatasetImage]]:
    """Photos, each by the camera whose number is given; every camera has a distortion of its own."""
    model = a_model(survey_poses(len(cameras)), np.zeros((0, 3)))
    shots = tuple(replace(shot, camera_id=number) for shot, number in zip(model.shots, cameras, strict=True))
    taken_by = {
        number: pycolmap.Camera(
            model="SIMPLE_RADIAL",
            width=WIDTH,
            height=HEIGHT,
            params=[180, WIDTH / 2, HEIGHT / 2, -0.05 - number / 1000],
        )
        for number in cameras
    }
    grey = {shot.name: Image.new("RGB", (WIDTH, HEIGHT), (index,) * 3) for index, shot in enumerate(shots)}
    dataset = write_ingest(workspace, grey)
    world = settle(replace(model, cameras=taken_by, shots=shots), [None] * len(shots), [None] * len(shots), True)
    return world, {image.name: image for image in dataset.images}


def test_maps_of_many_cameras_are_not_in_memory_at_once(tmp_path: Path) -> None:
    world, photos = survey(tmp_path, list(range(1, 61)))
    held: list[int] = []
    tracemalloc.start()
    try:
        write_pictures(
            tmp_path, tmp_path / "poses", world, photos, None, lambda _: held.append(tracemalloc.get_traced_memory()[0])
        )
    finally:
        tracemalloc.stop()
    assert len(held) == 61
    assert max(held) < 30 * MAP_BYTES  # some are worked on at a time, and one is being made


def test_each_photo_is_undistorted_for_its_own_camera_whatever_their_order(tmp_path: Path) -> None:
    world, photos = survey(tmp_path, [3, 1, 3, 2, 1])
    counts: list[int] = []
    pictures = write_pictures(tmp_path, tmp_path / "poses", world, photos, None, counts.append)
    assert counts == [0, 1, 2, 3, 4, 5]
    assert sorted(pictures.pinholes) == [1, 2, 3]
    assert pictures.depths == {}
    for index, shot in enumerate(world.model.shots):
        pinhole = pictures.pinholes[shot.camera_id]
        with Image.open(tmp_path / pictures.files[shot.name]) as picture:
            assert picture.size == (pinhole.width, pinhole.height)
            assert picture.getpixel((50, 50)) == (index,) * 3


def test_it_can_be_ended_between_two_photos(tmp_path: Path) -> None:
    world, photos = survey(tmp_path, [1] * 20)

    def end(count: int) -> None:
        if count == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_pictures(tmp_path, tmp_path / "poses", world, photos, None, end)
    # Those that were being written meanwhile are finished.
    assert 2 <= len(list((tmp_path / "poses" / "images").iterdir())) <= 2 + 2 * MOST_AT_ONCE
