"""A photo is in a model only with enough points that are surely where they are."""

from __future__ import annotations

import zlib  # noqa: F401 - before pycolmap

import numpy as np
import PIL.PngImagePlugin  # noqa: F401
import pycolmap
import pytest

from reconstruction_worker.poses.support import MIN_POINTS, remove_unsupported

SIZE = 200


def model(points: int, apart: float, spread: float = 1.0) -> pycolmap.Reconstruction:
    """Three cameras in a row, `apart` from each other, that see `points` points at a distance of 10 in a patch of that
    share of the picture; the third sees half of them."""
    result = pycolmap.Reconstruction()
    result.add_camera_with_trivial_rig(
        pycolmap.Camera(camera_id=1, model="PINHOLE", width=SIZE, height=SIZE, params=[SIZE, SIZE, SIZE / 2, SIZE / 2])
    )
    xyz = np.random.default_rng(0).uniform(-4, 4, (points, 3)) * [spread, spread, 0] + [0, 0, 10]
    for number in range(3):
        seen = xyz if number < 2 else xyz[: points // 2]
        pixels = SIZE * (seen[:, :2] - [number * apart, 0]) / seen[:, 2:] + SIZE / 2
        image = pycolmap.Image(name=f"{number}.jpg", camera_id=1, image_id=number + 1)
        image.points2D = pycolmap.Point2DList([pycolmap.Point2D(at) for at in pixels])
        pose = pycolmap.Rigid3d(np.column_stack([np.eye(3), [-number * apart, 0, 0]]))
        result.add_image_with_trivial_frame(image, pose)
    for index, at in enumerate(xyz):
        elements = [pycolmap.TrackElement(number + 1, index) for number in range(3 if index < points // 2 else 2)]
        result.add_point3D(at, pycolmap.Track(elements))
    return result


@pytest.mark.parametrize(
    ("points", "apart", "spread", "left"),
    [
        (4 * MIN_POINTS, 1.0, 1.0, 3),
        (MIN_POINTS + 10, 1.0, 1.0, 2),  # the third sees half of them
        (MIN_POINTS - 5, 1.0, 1.0, 0),
        (4 * MIN_POINTS, 0.01, 1.0, 0),  # from one place
        (4 * MIN_POINTS, 1.0, 0.01, 0),  # all in one spot
    ],
)
def test_photos_without_enough_sure_points_go(points: int, apart: float, spread: float, left: int) -> None:
    found = model(points, apart, spread)
    remove_unsupported(found)
    assert found.num_reg_images() == left
