"""What stands for a result is seen from where its shape shows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from reconstruction_worker.geometry.orbit import orbit_camera
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.report.preview import poster_camera

CORNERS = np.array([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-0.2, 0.2)])


def angles(camera: Camera) -> tuple[float, float]:
    """Turn and elevation in degrees."""
    back = camera.camera_to_world[:3, 2]
    return float(np.degrees(np.arctan2(back[0], -back[1]))), float(np.degrees(np.arcsin(back[2])))


@pytest.mark.parametrize(
    ("turn", "elevation", "expected"),
    [(40, 20, (40, 20)), (40, 70, (40, 35)), (40, 89.9, (0, 35)), (-60, 0, (-60, 10)), (10, -30, (10, 10))],
)
def test_it_is_seen_from_the_side_of_the_photos_at_10_to_35_degrees(
    turn: float, elevation: float, expected: tuple[float, float]
) -> None:
    assert angles(poster_camera(CORNERS, orbit_camera(CORNERS, turn, elevation, 64))) == pytest.approx(expected)


def test_a_room_is_seen_from_inside() -> None:
    camera = orbit_camera(CORNERS, 0, 0, 64)
    pose: NDArray[np.float64] = camera.camera_to_world.copy()
    pose[:3, 3] = 0
    inside = Camera(pose, camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height)
    assert poster_camera(CORNERS, inside) is inside
