"""A camera path from a file: its forms, its coordinates, and what a mistake in it is reported as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.turntable import Turntable
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.geometry.scene import Scene
from reconstruction_worker.turntable.path_file import read_path
from reconstruction_worker.turntable.paths import Subject, cameras

FILE = {"configMapName": "statue-path", "key": "camera_path.json"}
SUBJECT = Subject(np.zeros(3), 1.0, np.radians(30))
NOWHERE = Scene((), bounded=True, box=np.zeros((2, 3)), near=0.1, far=10, metres_per_unit=None)
TURN = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
EYE = np.eye(4).tolist()


def matrix(x: float, rotation: np.ndarray = TURN) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[0, 3] = rotation, x
    return pose


def written(folder: Path, document: Any) -> Path:
    file = folder / "camera_path.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return file


def path(folder: Path, document: Any, frames: int = 5, world: Any = None, **spec: Any) -> list[Camera]:
    settings = {"frames": frames, "path": "File", "pathFile": FILE, "width": 160, "height": 120, **spec}
    poses = read_path(written(folder, document), "camera_path.json", world)
    return cameras(Turntable.model_validate(settings), NOWHERE, SUBJECT, poses)


def nerfstudio(*poses: np.ndarray, **fields: Any) -> dict[str, Any]:
    """As `ns-viewer` saves it: sixteen numbers row by row, the vertical angle of view in degrees."""
    entries = [{"camera_to_world": pose.ravel().tolist(), "fov": 50, "aspect": 4 / 3} for pose in poses]
    return {"camera_type": "perspective", "render_height": 60, "render_width": 80, "camera_path": entries, **fields}


def test_a_path_of_nerfstudio_is_rendered_pose_by_pose_through_its_own_lens(tmp_path: Path) -> None:
    poses = [matrix(x) for x in (0, 1, 4, 9, 16)]
    found = path(tmp_path, nerfstudio(*poses))
    assert np.allclose([camera.camera_to_world for camera in found], poses)
    assert found[0].fy == pytest.approx(60 / np.tan(np.radians(25)))


def test_an_upright_picture_of_nerfstudio_keeps_its_angle_of_view(tmp_path: Path) -> None:
    document = nerfstudio(matrix(0), matrix(1), render_height=80, render_width=60)
    camera = path(tmp_path, document, 2, width=90, height=120)[0]
    assert camera.fy == pytest.approx(camera.height / 2 / np.tan(np.radians(25)))


@pytest.mark.parametrize(
    "form", [lambda pose: pose.tolist(), lambda pose: {"matrix": pose.tolist()}, lambda pose: pose.ravel().tolist()]
)
def test_a_plain_list_of_matrices_is_enough_and_frames_lie_between_them(tmp_path: Path, form: Any) -> None:
    found = path(tmp_path, [form(matrix(0)), form(matrix(4)), form(matrix(6))])
    assert [camera.camera_to_world[0, 3] for camera in found] == pytest.approx([0, 2, 4, 5, 6])
    assert found[0].fx == pytest.approx(60 / np.tan(np.radians(15)))


def test_a_position_looks_at_a_point_and_stays_upright(tmp_path: Path) -> None:
    poses = [{"position": [3, 0, 0], "lookAt": [0, 0, 0], "fieldOfViewDegrees": angle} for angle in (40, 60)]
    found = path(tmp_path, {"poses": poses}, 3)
    assert np.allclose(found[0].camera_to_world[:3, :3], [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    assert [2 * np.degrees(np.arctan(60 / camera.fy)) for camera in found] == pytest.approx([40, 50, 60])


def test_a_camera_may_look_straight_down(tmp_path: Path) -> None:
    poses = [{"position": [0, 0, z], "lookAt": [0, 0, 0]} for z in (5, 4)]
    assert np.allclose(path(tmp_path, poses, 2)[0].camera_to_world[:3, :3], np.eye(3))


def test_coordinates_of_the_provided_poses_are_brought_into_the_scene(tmp_path: Path) -> None:
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = 0.5 * TURN, [1, 2, 3]
    found = path(tmp_path, [EYE, matrix(2, np.eye(3)).tolist()], 2, world)
    assert np.allclose(found[1].camera_to_world[:3, :3], TURN)
    assert found[1].camera_to_world[:3, 3] == pytest.approx([1, 3, 3])


MIRRORED = np.diag([1.0, 1, -1, 1]).tolist()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "camera_path.json: it is not JSON (line 1: "),
        ("[" * 100_000, "camera_path.json: it is not JSON (it can't be parsed)"),
        ({"frames": []}, "it must be a list of poses, or an object"),
        ([EYE], "it has 1 poses; a path has 2 to 14,400"),
        ([EYE, [[1, 0], [0, 1]]], "entry 2: the matrix must be 4 rows of 4 numbers"),
        ([EYE, 7], "entry 2: it must be a matrix or an object"),
        ([EYE, MIRRORED], "entry 2: the rotation mirrors"),
        ([EYE, np.transpose(matrix(3)).tolist()], "entry 2: the last row of the matrix must be 0 0 0 1"),
        ([EYE, np.full((4, 4), np.nan).tolist()], "entry 2: each value of the matrix must be a number"),
        ([EYE, {"matrix": EYE, "fov": 50}], "entry 2: 'fov' means nothing here"),
        ([EYE, {"matrix": EYE, "fieldOfViewDegrees": 180}], "entry 2: fieldOfViewDegrees 180 is not between"),
        ([EYE, {"position": [0, 0, 0]}], "entry 2: it needs camera_to_world, matrix, or position with lookAt"),
        ([EYE, {"position": [0, 0, 0], "lookAt": [0, 0, 0]}], "entry 2: position and lookAt are the same point"),
        ([EYE, {"position": [0, 0], "lookAt": [0, 0, 0]}], "entry 2: position must be 3 numbers"),
        (nerfstudio(matrix(0), matrix(1), camera_type="fisheye"), "camera_type must be perspective, not fisheye"),
        (nerfstudio(matrix(0), matrix(1), render_width=0), "render_width and render_height must be above 0"),
    ],
)
def test_a_mistake_names_the_file_and_the_entry(tmp_path: Path, document: Any, said: str) -> None:
    with pytest.raises(ReconstructionError) as caught:
        read_path(written(tmp_path, document), "camera_path.json")
    assert caught.value.code == "InvalidPoses"
    assert said in caught.value.message
    assert caught.value.message.startswith("camera_path.json: ")
    assert "docs/turntable.md" in caught.value.suggestion


def test_a_file_of_another_encoding_or_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "camera_path.json"
    file.write_bytes(b"\xff\xfe[")
    with pytest.raises(ReconstructionError, match="it is not text in UTF-8"):
        read_path(file, "camera_path.json")
    monkeypatch.setattr("reconstruction_worker.turntable.path_file.MAX_BYTES", 2)
    with pytest.raises(ReconstructionError) as caught:
        read_path(file, "camera_path.json")
    assert caught.value.code == "FileTooLarge"
