"""Undistorted photos are what a pinhole camera sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycolmap
import pytest
from numpy.typing import NDArray
from PIL import Image

from reconstruction_worker.poses.colmap_cameras import project, rays
from reconstruction_worker.poses.undistort import Undistorter


def barrel(k: float) -> pycolmap.Camera:
    return pycolmap.Camera(model="SIMPLE_RADIAL", width=200, height=150, params=[180.0, 100.0, 75.0, k])


def photo_of(camera: pycolmap.Camera) -> NDArray[np.uint8]:
    """What the camera sees of a smooth pattern on the plane z = 1."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    direction = rays(camera, np.stack([x, y], -1).reshape(-1, 2).astype(np.float64)).reshape(
        camera.height, camera.width, 2
    )
    red, green = 127 + 100 * np.sin(12 * direction[..., 0]), 127 + 100 * np.cos(15 * direction[..., 1])
    return np.stack([red, green, 127 + 60 * np.sin(8 * direction.sum(-1))], -1).astype(np.uint8)


@pytest.mark.parametrize("k", [-0.15, 0.1])
def test_distortion_is_removed_and_no_border_is_empty(k: float) -> None:
    camera = barrel(k)
    undistorter = Undistorter(camera)
    result = undistorter.apply(photo_of(camera))
    assert undistorter.pinhole.model_name == "PINHOLE"
    assert result.shape[:2] == (undistorter.pinhole.height, undistorter.pinhole.width)
    expected = photo_of(undistorter.pinhole).astype(int)
    difference = np.abs(result.astype(int) - expected)[2:-2, 2:-2]
    assert difference.mean() < 1.5
    assert difference.max() < 12


def test_the_object_keeps_its_colour_up_to_its_edge() -> None:
    camera = barrel(-0.15)
    rgba = np.zeros((150, 200, 4), np.uint8)
    rgba[40:110, 60:140] = [200, 100, 50, 255]
    result = Undistorter(camera).apply(rgba)
    edge = (result[..., 3] > 20) & (result[..., 3] < 235)
    assert edge.sum() > 50
    assert np.abs(result[edge][:, :3].astype(int) - [200, 100, 50]).max() <= 12


def test_a_photo_without_distortion_stays_as_it_is(tmp_path: Path) -> None:
    camera = barrel(1e-5)
    photo = photo_of(camera)
    mask = np.full(photo.shape[:2], 255, np.uint8)
    undistorter = Undistorter(camera)
    undistorter.write(photo, mask, tmp_path / "photo.png")
    assert undistorter.pinhole.params.tolist() == [180.0, 180.0, 100.0, 75.0]
    with Image.open(tmp_path / "photo.png") as written:
        assert np.array_equal(np.asarray(written), np.dstack([photo, mask]))


def test_points_behind_a_camera_are_nowhere_in_its_picture() -> None:
    pixels = project(barrel(0.0), np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]))
    assert pixels[0].tolist() == [100.0, 75.0]
    assert np.isnan(pixels[1]).all()
