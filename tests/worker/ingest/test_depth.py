"""Depth maps beside the photos: what is read, and what is said of those that can't be."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import lzfse
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.depth import load_depth
from reconstruction_worker.ingest.limits import Limits

from .photos import Ingested, encoded, picture, write_photos

MILLIMETRES = np.arange(1, 1 + 240 * 320, dtype=np.uint16).reshape(240, 320) % 5000
"""A map of a photo of 320 x 240; 0 is in it."""


def png(values: NDArray[Any]) -> bytes:
    return encoded(Image.fromarray(values), "PNG")


def npy(values: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, **options)
    return stream.getvalue()


def ingested(tmp_path: Path, maps: dict[str, bytes], limits: Limits | None = None, **images: Any) -> Ingested:
    """Three photos p0 to p2, and files by name in the folder `depth`."""
    photos = tmp_path / "photos"
    write_photos(photos, 3)
    (photos / "depth").mkdir()
    for name, content in maps.items():
        (photos / "depth" / name).write_bytes(content)
    return Ingested(tmp_path, photos, limits, images=images)


def stored(result: Ingested, index: int) -> NDArray[np.float32]:
    return load_depth(result.workspace / str(result.images[index].depth))


def test_whole_numbers_are_millimetres_and_floating_point_ones_metres(tmp_path: Path) -> None:
    metres = MILLIMETRES.astype(np.float32) / 1000
    tiff = encoded(Image.fromarray(metres), "TIFF")
    result = ingested(tmp_path, {"p0.png": png(MILLIMETRES), "p1.npy": npy(metres[..., None]), "p2.tiff": tiff})
    assert "3 with a depth map" in result.output.message
    for index in range(3):
        np.testing.assert_allclose(stored(result, index), metres, rtol=1e-6)


def test_the_unit_of_whole_numbers_can_be_told(tmp_path: Path) -> None:
    result = ingested(tmp_path, {"p0.png": png(MILLIMETRES)}, depthUnitMicrometres=200)
    np.testing.assert_allclose(stored(result, 0), MILLIMETRES / 5000, rtol=1e-6)
    assert result.images[1].depth is None


def test_what_is_no_distance_is_unknown(tmp_path: Path) -> None:
    values = np.ones((240, 320), np.float32)
    values[0, :4] = [np.nan, np.inf, -1, 0]
    result = ingested(tmp_path, {"p0.npy": npy(values)})
    assert stored(result, 0)[0, :6].tolist() == [0, 0, 0, 0, 1, 1]


def test_maps_shrink_with_their_photos_without_mixing_distances(tmp_path: Path) -> None:
    near_and_far = np.where(np.arange(320) < 161, 1000, 9000).astype(np.uint16)[None].repeat(240, 0)
    small = np.full((60, 80), 3000, np.uint16)
    result = ingested(tmp_path, {"p0.png": png(near_and_far), "p1.png": png(small)}, maxSidePixels=160)
    assert stored(result, 0).shape == (120, 160)
    assert set(np.unique(stored(result, 0))) == {np.float32(1), np.float32(9)}
    assert stored(result, 1).shape == (60, 80)


def test_a_map_of_the_pixels_in_the_file_is_turned_with_the_photo(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "depth").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: to be shown a quarter clockwise
    for index in range(2):
        (photos / f"p{index}.jpg").write_bytes(encoded(picture(index), "JPEG", exif=exif))
    (photos / "depth" / "p0.png").write_bytes(png(MILLIMETRES))
    (photos / "depth" / "p1.png").write_bytes(png(np.rot90(MILLIMETRES, -1).copy()))
    result = Ingested(tmp_path, photos)
    expected = np.rot90(MILLIMETRES, -1) / 1000
    for index in range(2):
        np.testing.assert_allclose(stored(result, index), expected, rtol=1e-6)


BAD = {
    "a picture": (png(np.zeros((240, 320), np.uint8)), "8 bits"),
    "a cut off picture": (png(MILLIMETRES)[:2000], "can't be read"),
    "text": (b"1.0 2.0\n", "can't be read"),
    "nothing": (b"", "can't be read"),
    "another shape": (png(MILLIMETRES[:, :200]), "200 x 240 pixels, another shape than the photo's 320 x 240"),
    "nothing known": (png(np.zeros((240, 320), np.uint16)), "no distance above 0"),
    "objects": (npy(np.full((240, 320), None), allow_pickle=True), "can't be read"),
    "three channels": (npy(np.ones((240, 320, 3), np.float32)), "shape (240, 320, 3)"),
    "bytes": (npy(np.ones((240, 320), np.uint8)), "array of uint8"),
    "too large": (npy(np.ones((2400, 3200), np.float64)), "MB"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_map_that_can_not_be_used_is_left_out_or_refused(name: str, tmp_path: Path) -> None:
    content, problem = BAD[name]
    maps = {"p0.png": content, "p1.png": png(MILLIMETRES), "p2.png": png(MILLIMETRES)}
    limits = Limits(file_bytes=10_000_000)
    result = ingested(tmp_path / "auto", maps, limits)
    assert [image.depth is not None for image in result.images] == [False, True, True]
    assert problem in " ".join(result.images[0].notes)
    with pytest.raises(ReconstructionError) as caught:
        ingested(tmp_path / "required", maps, limits, depth="Required")
    assert caught.value.code == "DepthInvalid"
    assert "depth/p0.png" in caught.value.message
    assert problem in caught.value.message


def test_a_photo_without_a_map_is_refused_where_each_must_have_one(tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError, match=r"p1.jpg has no depth map") as caught:
        ingested(tmp_path, {"p0.png": png(MILLIMETRES), "p2.png": png(MILLIMETRES)}, depth="Required")
    assert caught.value.code == "DepthInvalid"


def test_a_source_without_maps_is_refused_where_they_are_required(tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError, match="no folder 'depth'") as caught:
        ingested(tmp_path, {}, depth="Required")
    assert caught.value.code == "DepthInvalid"


def test_maps_are_ignored_when_the_job_wants_none(tmp_path: Path) -> None:
    result = ingested(tmp_path, {"p0.png": png(MILLIMETRES), "p1.png": b"nonsense"}, depth="None")
    assert all(image.depth is None and not image.notes for image in result.images)


def test_maps_that_belong_to_no_photo_are_told_of(tmp_path: Path) -> None:
    result = ingested(tmp_path, {"frame1.png": png(MILLIMETRES), "frame2.png": png(MILLIMETRES)})
    assert "2 depth maps have the name of no photo" in result.output.message


def record3d(tmp_path: Path, maps: dict[str, bytes], limits: Limits | None = None) -> Ingested:
    """Photos of 320 x 240 as rgbd/p0.jpg to p2.jpg, with a confidence map of each."""
    write_photos(tmp_path / "capture" / "rgbd", 3)
    for index in range(3):
        (tmp_path / "capture" / "rgbd" / f"p{index}.conf").write_bytes(lzfse.compress(b"\\2" * 4800))
    for name, content in maps.items():
        (tmp_path / "capture" / "rgbd" / name).write_bytes(content)
    return Ingested(tmp_path, tmp_path / "capture", limits)


def test_maps_of_record3d_have_the_shape_of_their_photo(tmp_path: Path) -> None:
    metres = (np.arange(60 * 80, dtype=np.float32).reshape(60, 80) % 500) / 100
    result = record3d(tmp_path, {"p1.depth": lzfse.compress(metres.tobytes())})
    assert [image.depth is not None for image in result.images] == [False, True, False]
    assert load_depth(result.workspace / str(result.images[1].depth)) == pytest.approx(metres)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lzfse.compress(b"\\0\\0\\x80?" * 4800)[:40], "can't be read"),
        (b"bvx2" + b"\\xff" * 40, "can't be read"),
        (b"bvx2" + bytes(500), "can't be read"),
        (b"bvxn" + bytes(8), "can't be read"),
        (b"bvx-\\x04\\0\\0\\0\\0\\0\\x80?", "can't be read"),
        (lzfse.compress(b"\\0\\0\\x80?" * 77), "can't be read"),
        (lzfse.compress(b"\\0\\0\\x80?" * 10**7), "can't be read"),
    ],
    ids=["cut", "header", "block of no length", "cut header", "no end", "shape", "bomb"],
)
def test_a_bad_map_of_record3d_is_left_out_with_a_note(tmp_path: Path, content: bytes, problem: str) -> None:
    result = record3d(tmp_path, {"p1.depth": content}, Limits(pixels=10**6))
    assert result.images[1].depth is None
    assert any(problem in note for note in result.images[1].notes)
