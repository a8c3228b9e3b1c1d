"""LLFF's table and Blender's splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.dataset import Dataset, DroppedImage, Original
from reconstruction_worker.poses.provided import read_provided

from .scenes import Array, an_image, looking

EYES = {"a": [3.0, 0, 1], "b": [0, 3.0, 1], "c": [-3.0, 0, 1], "d": [0, -3.0, 1]}
UP = np.array([0.0, 0, 1])


def photo(name: str, sha: str) -> Any:
    return an_image(name.replace("/", "_"), original=Original(name=name, width=800, height=600, sha256=sha))


def poses() -> Array:
    """World-from-camera, axes as in OpenCV."""
    return np.array([looking(np.array(eye), np.zeros(3), UP) for eye in EYES.values()])


def llff_table() -> Array:
    """What LLFF's own code makes of poses: axes down, right, backward; then height, width, focal length; bounds."""
    rows = []
    for pose in poses():
        right, down, forward, position = pose[:3].T
        matrix = np.stack([down, right, -forward, position, [600.0, 800.0, 700.0]], axis=1)
        rows.append([*matrix.ravel(), 1.5, 9.0])
    return np.array(rows)


def llff_dataset() -> Dataset:
    return Dataset(images=[photo(f"images/{name}.JPG", name) for name in EYES])


def read_llff(folder: Path, table: Array | bytes, dataset: Dataset | None = None) -> Any:
    path = folder / "poses_bounds.npy"
    path.write_bytes(table) if isinstance(table, bytes) else np.save(path, table)
    return read_provided(folder, dataset or llff_dataset())


def test_llff_rows_are_photos_in_the_order_of_their_names(tmp_path: Path) -> None:
    provided = read_llff(tmp_path, llff_table())
    model = provided.model
    assert [shot.name for shot in model.shots] == [f"images_{name}.JPG" for name in EYES]
    assert np.allclose(model.poses, poses())
    (camera,) = model.cameras.values()
    assert camera.params.tolist() == [350.0, 350.0, 200.0, 150.0]
    assert provided.z_up_within_degrees == 0


def test_llff_rows_of_photos_that_were_left_out_are_skipped(tmp_path: Path) -> None:
    dataset = llff_dataset()
    left_out = dataset.images.pop(1)
    dataset.dropped.append(DroppedImage(name=left_out.original.name, code="ImageCorrupt", message=""))
    model = read_llff(tmp_path, llff_table(), dataset).model
    assert [shot.name for shot in model.shots] == ["images_a.JPG", "images_c.JPG", "images_d.JPG"]
    assert np.allclose(model.poses, poses()[[0, 2, 3]])


def _changed(row: int, column: int, value: float) -> Array:
    table = llff_table()
    table[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (llff_table()[:3], "3 rows, but the source has 4 photos"),
        (llff_table()[:, :15], "17 numbers for each photo"),
        (_changed(1, 0, np.nan), "row 1 (images/b.JPG) holds a value that is NaN or infinite"),
        (_changed(2, 0, 4.0), "row 2 (images/c.JPG): the upper left 3 x 3 of the matrix is not a rotation"),
        (_changed(2, 14, 0.0), "row 2 (images/c.JPG): the focal length 0"),
        (_changed(0, 4, 800.0), "row 0 (images/a.JPG) is for 800 x 800 pixels"),
        (b"\x93NUMPY\x01\x00", "not an array of numbers"),
        (b"not numpy", "not an array of numbers"),
        (np.array([{"a": 1}], dtype=object), "not an array of numbers"),
    ],
    ids=["too few rows", "too few columns", "nan", "no rotation", "no focal length", "shape", "cut", "text", "pickle"],
)
def test_an_llff_table_that_is_wrong_is_refused(tmp_path: Path, table: Array | bytes, words: str) -> None:
    with pytest.raises(ReconstructionError, match=r"^poses_bounds\.npy: ") as failure:
        read_llff(tmp_path, table)
    assert failure.value.code == "InvalidPoses"
    assert words in failure.value.message


def split_document(split: str, names: str) -> dict[str, Any]:
    frames = [
        {
            "file_path": f"./{split}/{name}",
            "rotation": 0.01,
            "transform_matrix": (looking(np.array(EYES[name]), np.zeros(3), UP) @ np.diag([1.0, -1, -1, 1])).tolist(),
        }
        for name in names
    ]
    return {"camera_angle_x": 2 * np.arctan(0.5), "frames": frames}


def read_blender(folder: Path, splits: dict[str, str], photos: dict[str, str] | None = None) -> Any:
    """`splits` and `photos` are the letters of the frames, and of the photos that are there, by split."""
    for split, names in splits.items():
        (folder / f"transforms_{split}.json").write_text(json.dumps(split_document(split, names)))
    there = [f"{split}/{name}.png" for split, names in (photos or splits).items() for name in names]
    return read_provided(folder, Dataset(images=[photo(name, name) for name in there]))


def test_blender_splits_share_names_and_keep_their_roles(tmp_path: Path) -> None:
    provided = read_blender(tmp_path, {"train": "abc", "val": "b", "test": "ad"})
    assert {name: str(share) for name, share in provided.shares.items()} == {
        "train_a.png": "train",
        "train_b.png": "train",
        "train_c.png": "train",
        "val_b.png": "unused",
        "test_a.png": "eval",
        "test_d.png": "eval",
    }
    by_name = {shot.name: shot.world_from_camera for shot in provided.model.shots}
    assert np.allclose(by_name["test_d.png"], poses()[3])
    assert provided.z_up_within_degrees == 360
    (camera,) = provided.model.cameras.values()
    assert camera.params.tolist() == pytest.approx([400.0, 400.0, 200.0, 150.0])


def test_without_a_test_split_the_validation_split_is_held_out(tmp_path: Path) -> None:
    shares = read_blender(tmp_path, {"train": "abc", "val": "d"}).shares
    assert shares["val_d.png"] == "eval"


def test_a_split_whose_photos_were_not_downloaded_is_left_out(tmp_path: Path) -> None:
    provided = read_blender(tmp_path, {"train": "abc", "test": "abcd"}, photos={"train": "abc"})
    assert [shot.name for shot in provided.model.shots] == ["train_a.png", "train_b.png", "train_c.png"]
    assert provided.shares == {}


def test_a_mistake_is_named_with_its_split(tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError, match=r"^transforms_test\.json: frames\[1\] \(\./test/d\) names a photo"):
        read_blender(tmp_path, {"train": "abc", "test": "ad"}, photos={"train": "abc", "test": "a"})
