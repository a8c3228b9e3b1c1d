"""Provided poses are used when they are sound, and refused with the frame's name when they are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.dataset import Dataset, DroppedImage, Original
from reconstruction_worker.poses.provided import read_provided

from .scenes import an_image, looking

Document = dict[str, Any]


def a_dataset() -> Dataset:
    images = [
        an_image("a.png", original=Original(name="images/a.jpg", width=800, height=600, sha256="0")),
        an_image("b.png", original=Original(name="images/b.jpg", width=800, height=600, sha256="1")),
        an_image("c.png", original=Original(name="images/c.jpg", width=800, height=600, sha256="2")),
    ]
    return Dataset(images=images, dropped=[DroppedImage(name="images/d.jpg", code="ImageCorrupt", message="")])


def a_document() -> Document:
    """Three frames around the origin for photos of 800 x 600; OpenGL axes."""
    frames = []
    for name, eye in (("a", [3.0, 0, 1]), ("b", [0, 3.0, 1]), ("c", [-3.0, 0, 1])):
        pose = looking(np.array(eye), np.zeros(3), np.array([0.0, 0, 1])) @ np.diag([1.0, -1, -1, 1])
        frames.append({"file_path": f"./images/{name}.jpg", "transform_matrix": pose.tolist()})
    return {
        "camera_model": "OPENCV",
        "fl_x": 700.0,
        "fl_y": 710.0,
        "cx": 401.0,
        "cy": 299.0,
        "w": 800,
        "h": 600,
        "frames": frames,
    }


def read(tmp_path: Path, document: Document | str) -> Any:
    (tmp_path / "transforms.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return read_provided(tmp_path, a_dataset()).model


def test_poses_and_intrinsics_are_read_for_the_stored_size(tmp_path: Path) -> None:
    model = read(tmp_path, a_document())
    assert [shot.name for shot in model.shots] == ["a.png", "b.png", "c.png"]
    assert np.allclose(model.shots[0].world_from_camera[:3, 3], [3, 0, 1])
    towards_origin = -np.array([3, 0, 1]) / np.sqrt(10)
    assert np.allclose(model.shots[0].world_from_camera[:3, 2], towards_origin)
    (camera,) = model.cameras.values()
    assert camera.model_name == "PINHOLE"
    assert (camera.width, camera.height) == (400, 300)
    assert camera.params.tolist() == [350.0, 355.0, 200.5, 149.5]


def test_intrinsics_may_differ_between_frames(tmp_path: Path) -> None:
    document = a_document()
    document["frames"][1].update(fl_x=650.0, k1=-0.1)
    model = read(tmp_path, document)
    assert len(model.cameras) == 2
    other = model.cameras[model.shots[1].camera_id]
    assert other.model_name == "OPENCV"
    assert other.params.tolist() == [325.0, 355.0, 200.5, 149.5, -0.1, 0.0, 0.0, 0.0]


def test_an_angle_of_view_serves_as_focal_length(tmp_path: Path) -> None:
    document = a_document()
    for key in ("fl_x", "fl_y", "cx", "cy", "w", "h"):
        del document[key]
    document["camera_angle_x"] = 2 * np.arctan(0.5)
    (camera,) = read(tmp_path, document).cameras.values()
    assert camera.params.tolist() == pytest.approx([400.0, 400.0, 200.0, 150.0])


def test_both_angles_of_view_are_heeded(tmp_path: Path) -> None:
    document = a_document()
    for key in ("fl_x", "fl_y", "cx", "cy"):
        del document[key]
    document.update(camera_angle_x=2 * np.arctan(0.5), camera_angle_y=2 * np.arctan(0.4), aabb_scale=16)
    (camera,) = read(tmp_path, document).cameras.values()
    assert camera.params.tolist() == pytest.approx([400.0, 375.0, 200.0, 150.0])


@pytest.mark.parametrize("fields", [{"camera_model": "OPENCV_FISHEYE"}, {"is_fisheye": True}])
def test_a_fisheye_lens_keeps_its_own_distortion(tmp_path: Path, fields: Document) -> None:
    document = {**a_document(), **fields, "k1": 0.02, "k2": -0.01, "k3": 0.001, "k4": 0.0}
    if "is_fisheye" in fields:
        del document["camera_model"]
    (camera,) = read(tmp_path, document).cameras.values()
    assert camera.model_name == "OPENCV_FISHEYE"
    assert camera.params.tolist() == [350.0, 355.0, 200.5, 149.5, 0.02, -0.01, 0.001, 0.0]


def test_lists_of_file_names_divide_the_photos(tmp_path: Path) -> None:
    document = a_document()
    names = [frame["file_path"] for frame in document["frames"]]
    document.update(train_filenames=names[:2], test_filenames=names[2:])
    (tmp_path / "transforms.json").write_text(json.dumps(document))
    shares = read_provided(tmp_path, a_dataset()).shares
    assert shares == {"a.png": "train", "b.png": "train", "c.png": "eval"}


@pytest.mark.parametrize("path", ["a.jpg", "a", "./train/a", "images/a.png", "C:\\scans\\a.jpg"])
def test_photos_are_found_by_what_tools_write(tmp_path: Path, path: str) -> None:
    document = a_document()
    document["frames"][0]["file_path"] = path
    assert [shot.name for shot in read(tmp_path, document).shots] == ["a.png", "b.png", "c.png"]


def test_a_frame_of_a_photo_that_was_left_out_is_skipped(tmp_path: Path) -> None:
    document = a_document()
    document["frames"][0]["file_path"] = "images/d.jpg"
    assert [shot.name for shot in read(tmp_path, document).shots] == ["b.png", "c.png"]


def test_rounded_rotations_become_exact(tmp_path: Path) -> None:
    document = a_document()
    for frame in document["frames"]:
        frame["transform_matrix"] = np.round(frame["transform_matrix"], 3).tolist()
    rotations = read(tmp_path, document).poses[:, :3, :3]
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-12)


def _frame(**changes: Any) -> Callable[[Document], None]:
    return lambda document: document["frames"][1].update(changes)


def _rotation(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Document], None]:
    def apply(document: Document) -> None:
        matrix = np.array(document["frames"][1]["transform_matrix"])
        document["frames"][1]["transform_matrix"] = change(matrix).tolist()

    return apply


def _scaled(matrix: np.ndarray) -> np.ndarray:
    matrix[:3, :3] *= 1.5
    return matrix


def _not_finite(matrix: np.ndarray) -> np.ndarray:
    matrix[0, 3] = np.nan
    return matrix


MISTAKES: list[tuple[Callable[[Document], None], str]] = [
    (_frame(transform_matrix=None), "4 rows of 4 numbers"),
    (_frame(transform_matrix=[[1, 0], [0, 1]]), "4 rows of 4 numbers"),
    (_frame(transform_matrix=[["x"] * 4] * 4), "4 rows of 4 numbers"),
    (_rotation(lambda m: m.T), "transposed"),
    (_rotation(lambda m: m @ np.diag([-1.0, 1, 1, 1])), "mirrors"),
    (_rotation(_scaled), "not a rotation"),
    (_rotation(_not_finite), "NaN or infinite"),
    (_frame(fl_x="700"), "'fl_x' must be a number"),
    (_frame(fl_x=10**400), "'fl_x' must be a number"),
    (_frame(transform_matrix=[[10**400] * 4] * 4), "4 rows of 4 numbers"),
    (_frame(k1=-2.0), "the picture folds over"),
    (_frame(camera_model="OPENCV_FISHEYE", fl_x=150.0, fl_y=150.0), "the picture folds over"),
    (_frame(camera_model="OPENCV_FISHEYE", fl_x=275.0, fl_y=275.0), "angle of view is more than 160 degrees"),
    (_frame(fl_x=-700.0), "'fl_x' -700 makes no sense"),
    (_frame(cx=5000.0), "principal point"),
    (_frame(w=600, h=600), "is for 600 x 600 pixels, but images/b.jpg has 800 x 600"),
    (_frame(camera_model="EQUIRECTANGULAR"), "camera_model EQUIRECTANGULAR"),
    (_frame(file_path="images/z.jpg"), "not in the source"),
    (_frame(file_path="images/a.jpg"), "which has a pose already"),
]


@pytest.mark.parametrize(("mistake", "words"), MISTAKES, ids=[words for _, words in MISTAKES])
def test_a_mistake_is_named_with_its_frame(tmp_path: Path, mistake: Callable[[Document], None], words: str) -> None:
    document = a_document()
    mistake(document)
    with pytest.raises(ReconstructionError) as failure:
        read(tmp_path, document)
    assert failure.value.code == "InvalidPoses"
    assert words in failure.value.message
    assert "frames[1]" in failure.value.message
    assert str(tmp_path) not in failure.value.message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ("[" * 100_000, "not valid JSON"),
        ('{"frames": ' + "1" * 5000 + "}", "not valid JSON"),
        ({"frames": []}, "'frames' must be a list"),
        ({"frames": [{"transform_matrix": []}]}, "frames[0] has no 'file_path'"),
        ({"frames": a_document()["frames"]}, "frames[0] (./images/a.jpg) has no focal length"),
        ({**a_document(), "frames": a_document()["frames"][:1]}, "at least two"),
        (
            {**a_document(), "frames": [{**f, "transform_matrix": np.eye(4).tolist()} for f in a_document()["frames"]]},
            "same position",
        ),
    ],
    ids=[
        "broken",
        "a list",
        "deep",
        "long number",
        "no frames",
        "no path",
        "no focal length",
        "one frame",
        "no parallax",
    ],
)
def test_a_useless_file_is_refused(tmp_path: Path, document: Document | str, words: str) -> None:
    with pytest.raises(ReconstructionError, match=r"^transforms\.json: ") as failure:
        read(tmp_path, document)
    assert failure.value.code == "InvalidPoses"
    assert words in failure.value.message


def test_a_name_that_fits_two_photos_is_refused(tmp_path: Path) -> None:
    images = [
        an_image(f"{side}.png", original=Original(name=f"{side}/1.jpg", width=400, height=300, sha256=side))
        for side in ("left", "right")
    ]
    document = a_document()
    document["frames"][0]["file_path"] = "1.jpg"
    (tmp_path / "transforms.json").write_text(json.dumps(document))
    with pytest.raises(ReconstructionError, match=r"matches several photos: left/1.jpg, right/1.jpg"):
        read_provided(tmp_path, Dataset(images=images))
