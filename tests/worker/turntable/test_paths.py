"""Where the turntable's camera goes: what is looked at stays in the middle, whole and upright."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reconstruction_api.turntable import SIZES, Turntable, TurntablePreset
from reconstruction_worker.geometry.cameras import project
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.geometry.scene import Scene, load_scene
from reconstruction_worker.turntable.paths import cameras, subject_of
from tests.worker.geometry.scenes import MeshField, around, bumpy_sphere, write_poses

POINTS = np.random.default_rng(0).uniform([-1, -0.5, 0], [1, 0.5, 2], (2000, 3))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Photos around a ball."""
    workspace = tmp_path_factory.mktemp("scene")
    write_poses(workspace, MeshField(bumpy_sphere()), around(10, size=32))
    return load_scene(workspace)


def path(scene: Scene, **spec: Any) -> list[Camera]:
    turntable = Turntable.model_validate({"frames": 24, **spec})
    return cameras(turntable, scene, subject_of(scene, POINTS))


def turns(found: list[Camera]) -> np.ndarray:
    """Degrees around the vertical, counter-clockwise from the front, continued over 180."""
    centre = (POINTS.min(axis=0) + POINTS.max(axis=0)) / 2
    away = np.array([camera.camera_to_world[:3, 3] - centre for camera in found])
    return np.degrees(np.unwrap(np.arctan2(away[:, 0], -away[:, 1])))


@pytest.mark.parametrize("preset", SIZES)
def test_an_object_is_whole_in_every_frame(scene: Scene, preset: TurntablePreset) -> None:
    for camera in path(scene, preset=preset):
        assert (camera.width, camera.height) == SIZES[preset]
        seen, depth = project(camera, POINTS)
        assert (depth > 0).all()
        assert (seen >= 0).all()
        assert (seen <= [camera.width, camera.height]).all()


def test_a_circle_goes_around_once_and_can_be_repeated(scene: Scene) -> None:
    found = turns(path(scene))
    assert np.diff(found) == pytest.approx(360 / 24)
    assert found[-1] == pytest.approx(360 - 15)


def test_part_of_a_circle_ends_where_it_is_told_to(scene: Scene) -> None:
    found = turns(path(scene, turnDegrees=-90))
    assert (found[0], found[-1]) == pytest.approx((0, -90))


def test_cameras_stand_upright_at_their_elevation(scene: Scene) -> None:
    for camera in path(scene, elevationDegrees=40):
        right, _, back = camera.camera_to_world[:3, :3].T
        assert right[2] == pytest.approx(0)
        assert back[2] == pytest.approx(np.sin(np.radians(40)))


def test_easing_begins_and_ends_slowly(scene: Scene) -> None:
    steps = np.diff(turns(path(scene, easing="EaseInOut", turnDegrees=180)))
    assert steps[0] < 0.3 * steps[len(steps) // 2] > steps[-1]


def test_a_spiral_rises(scene: Scene) -> None:
    heights = [camera.camera_to_world[2, 2] for camera in path(scene, path="Spiral", elevationDegrees=10)]
    assert np.degrees(np.arcsin([heights[0], heights[-1]])) == pytest.approx([10, 55])
    assert (np.diff(heights) > 0).all()


def test_a_dolly_comes_nearer_to_the_front(scene: Scene) -> None:
    found = path(scene, path="Dolly")
    centre = (POINTS.min(axis=0) + POINTS.max(axis=0)) / 2
    far = [np.linalg.norm(camera.camera_to_world[:3, 3] - centre) for camera in found]
    assert far[0] == pytest.approx(2 * far[-1])
    assert turns(found) == pytest.approx(0, abs=1e-6)


def test_the_photos_path_begins_and_ends_at_photos(scene: Scene) -> None:
    found = path(scene, path="Photos", frames=50)
    for camera, view in ((found[0], scene.views[0]), (found[-1], scene.views[-1])):
        assert camera.camera_to_world == pytest.approx(view.camera.camera_to_world, abs=1e-9)
    steps = np.linalg.norm(np.diff([camera.camera_to_world[:3, 3] for camera in found], axis=0), axis=1)
    assert steps.max() < 1.2 * steps.mean()  # corners are cut, and nothing is jumped over


def test_of_a_place_is_seen_what_the_photos_look_at(scene: Scene) -> None:
    """Its surface goes on for a hundred times as far."""
    from dataclasses import replace

    far = POINTS * 100
    place = replace(scene, bounded=False)
    subject = subject_of(place, far)
    assert subject.centre == pytest.approx([0, 0, 0], abs=0.1)
    photos = np.median([np.linalg.norm(view.camera.camera_to_world[:3, 3]) for view in scene.views])
    camera = cameras(Turntable(frames=4), place, subject)[0]
    assert np.linalg.norm(camera.camera_to_world[:3, 3] - subject.centre) == pytest.approx(photos, rel=0.05)
