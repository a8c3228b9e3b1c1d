"""Two photos are placed by what they share; what that can't tell is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.pose_files import FOLDER
from reconstruction_worker.poses.two_view import caution, tells_intrinsics
from reconstruction_worker.stages import poses

from .scenes import an_image, ball_photos, ball_views, poses_context, write_ingest

SIZE = 240


def test_two_photos_without_poses_are_placed(tmp_path: Path) -> None:
    views = ball_views(np.array([-7.0, 7.0]), SIZE)[:2]
    write_ingest(tmp_path, ball_photos(views))
    output = poses.run(poses_context(tmp_path)[0])
    document = json.loads((tmp_path / "poses" / "transforms.json").read_text())
    registration = json.loads((tmp_path / "poses" / "registration.json").read_text())
    first, second = (np.array(frame["transform_matrix"]) for frame in document["frames"])
    turned = np.degrees(np.arccos((np.trace(first[:3, :3].T @ second[:3, :3]) - 1) / 2))
    assert turned == pytest.approx(14, abs=2)
    assert registration["registered"] == 2
    assert registration["points"] >= 40
    assert "no third photo confirms the poses; the focal length is a guess" in registration["caution"]
    assert registration["caution"] in output.message


def test_two_photos_with_given_poses_show_points(tmp_path: Path) -> None:
    views = ball_views(np.array([-7.0, 7.0]), SIZE)[:2]
    photos = ball_photos(views)
    write_ingest(tmp_path, photos)
    document = {
        **{"fl_x": 1.3 * SIZE, "fl_y": 1.3 * SIZE, "cx": SIZE / 2, "cy": SIZE / 2, "w": SIZE, "h": SIZE},
        "frames": [
            {"file_path": name, "transform_matrix": view.camera_to_world.tolist()}
            for name, view in zip(photos, views, strict=True)
        ],
    }
    (tmp_path / "ingest" / FOLDER).mkdir()
    (tmp_path / "ingest" / FOLDER / "transforms.json").write_text(json.dumps(document))
    poses.run(poses_context(tmp_path)[0])
    registration = json.loads((tmp_path / "poses" / "registration.json").read_text())
    assert registration["method"] == "provided"
    assert registration["points"] >= 100
    assert "caution" not in registration


def test_two_photos_from_one_place_are_refused(tmp_path: Path) -> None:
    views = ball_views(np.array([0.0]), SIZE)[:1]
    photo = next(iter(ball_photos(views).values()))
    write_ingest(tmp_path, {"a.png": photo, "b.png": photo.rotate(2)})
    with pytest.raises(ReconstructionError, match="None of the 2 photos could be placed") as failure:
        poses.run(poses_context(tmp_path)[0])
    assert failure.value.code == "PoseEstimationFailed"


def test_a_third_photo_tells_the_focal_length() -> None:
    assert not tells_intrinsics(2)
    assert tells_intrinsics(3)


def test_what_is_said_depends_on_how_many_and_on_exif() -> None:
    assert caution([an_image("a.jpg")] * 3) is None
    assert "is a guess" in str(caution([an_image("a.jpg"), an_image("b.jpg", focal_pixels=300.0)]))
    assert "EXIF's focal length" in str(caution([an_image("a.jpg", focal_pixels=300.0)] * 2))
