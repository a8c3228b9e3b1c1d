"""Which photo a mask or depth map belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconstruction_worker.ingest.arrange import Arrangement, arrange
from reconstruction_worker.ingest.limits import DEFAULT_LIMITS
from reconstruction_worker.ingest.listing import list_folder


def arranged(folder: Path, *names: str) -> Arrangement:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xd8\xff\xe0")
    return arrange(list_folder(folder), DEFAULT_LIMITS)


def masks(arrangement: Arrangement) -> dict[str, str | None]:
    """Name of each photo's mask."""
    found = {photo.name: arrangement.mask_of(photo) for photo in arrangement.photos}
    return {name: mask.name if mask else None for name, mask in found.items()}


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("images/{}/001.jpg", "masks/{}/001.png"),
        ("images/{}/001.jpg", "masks/{}/001.jpg.png"),
        ("images/{}/001.png", "masks/{}/001.png.png"),
        ("images/{}/001.jpg", "masks/images/{}/001.png"),
        ("images/{}/001.jpg", "{}/masks/001.png"),
        ("{}/images/001.jpg", "{}/masks/001.png"),
        ("{}/images/001.png", "{}/masks/001.png.png"),
        ("{}/images/001.jpg", "masks/{}/001.png"),
        ("{}/001.jpg", "masks/{}/001.png"),
        ("{}/001.jpg", "{}/masks/001.jpg.png"),
        ("images/001_{}.jpg", "masks/001_{}.png"),
        ("images/001_{}.jpg", "masks/001_{}.jpg.png"),
        ("photos/001_{}.jpg", "masks/001_{}.png"),
    ],
)
def test_each_camera_has_its_own_masks_and_depth_maps(tmp_path: Path, photo: str, mask: str) -> None:
    depth = mask.replace("masks", "depth")
    names = [pattern.format(camera) for camera in ("cam0", "cam1") for pattern in (photo, mask, depth)]
    found = arranged(tmp_path, *names)
    expected = {photo.format(camera): mask.format(camera) for camera in ("cam0", "cam1")}
    assert masks(found) == expected
    assert [map_.name if (map_ := found.depth_of(each)) else None for each in found.photos] == [
        name.replace("masks", "depth") for name in expected.values()
    ]
    assert found.depth_maps_of_no_photo() == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("images/cam0/001.jpg", "images/cam1/001.jpg"),
        ("cam0/images/001.jpg", "cam1/images/001.jpg"),
        ("cam0/001.jpg", "images/cam0/001.jpg"),
    ],
)
def test_a_photo_does_not_get_the_mask_of_another_with_its_name(tmp_path: Path, first: str, second: str) -> None:
    assert masks(arranged(tmp_path, first, second, "masks/cam0/001.png")) == {first: "masks/cam0/001.png", second: None}


def test_nor_does_it_when_that_one_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "images" / "cam0").mkdir(parents=True)
    (tmp_path / "images" / "cam0" / "001.jpg").touch()
    found = arranged(tmp_path, "images/cam1/001.jpg", "masks/cam0/001.png")
    assert [photo.name for photo in found.dropped] == ["images/cam0/001.jpg"]
    assert masks(found) == {"images/cam1/001.jpg": None}


def test_raw_and_jpeg_beside_each_other_share_a_mask(tmp_path: Path) -> None:
    found = masks(arranged(tmp_path, "images/p0.jpg", "images/p0.dng", "masks/p0.png"))
    assert found == {"images/p0.dng": "masks/p0.png", "images/p0.jpg": "masks/p0.png"}


def test_a_file_named_like_its_folder_is_a_mask_like_any_other(tmp_path: Path) -> None:
    assert masks(arranged(tmp_path, "images/masks.jpg", "masks/masks")) == {"images/masks.jpg": "masks/masks"}
