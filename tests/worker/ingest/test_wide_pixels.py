"""Photos of more than 8 bits, and JPEG files without their last bytes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from reconstruction_api.errors import ReconstructionError

from .photos import Ingested, encoded, picture


def shares(seed: int) -> np.ndarray:
    """Grey values from 0 to 1, [H, W]."""
    grey = np.asarray(picture(seed).convert("L"), float)
    return (grey - grey.min()) / np.ptp(grey)


def write_set(folder: Path, low: int, high: int, dtype: type = np.uint16) -> None:
    folder.mkdir()
    for index in range(3):
        values = low + shares(index) * (high - low) / (1 if index == 0 else 2)
        tifffile.imwrite(folder / f"t{index}.tif", values.round().astype(dtype), photometric="minisblack")


@pytest.mark.parametrize("high", [1023, 4095, 16383, 65535])
def test_a_sensor_of_fewer_bits_has_its_own_white_and_the_same_for_all(tmp_path: Path, high: int) -> None:
    write_set(tmp_path / "set", 0, high)
    ingested = Ingested(tmp_path, tmp_path / "set")
    brightest = [int(np.asarray(ingested.open(index)).max()) for index in range(3)]
    assert brightest[0] == 255
    assert brightest[1:] == pytest.approx([128, 128], abs=1)


def test_temperatures_are_stretched(tmp_path: Path) -> None:
    write_set(tmp_path / "set", 28_500, 30_500)
    ingested = Ingested(tmp_path, tmp_path / "set")
    assert np.ptp(np.asarray(ingested.open(0))) > 250
    assert any("16 bits reduced to 8 (values 285" in note for note in ingested.images[0].notes)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_colours_of_16_bits_keep_their_order_and_range(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for index in range(2):
        rgb = np.asarray(picture(index)).astype(np.uint16) * 16
        assert cv2.imwrite(str(folder / f"p{index}.{suffix}"), rgb[..., ::-1])
    found = np.asarray(Ingested(tmp_path, folder).open(0).convert("RGB")).astype(int)
    assert np.abs(found - np.asarray(picture(0))).max() <= 1


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        (np.zeros((6, 60, 80), np.uint16), {"photometric": "minisblack", "planarconfig": "separate"}, "6 bands"),
        (np.zeros((60, 80, 5), np.uint8), {"photometric": "minisblack", "planarconfig": "contig"}, "5 bands"),
        (np.zeros((60, 80), np.float32), {"photometric": "minisblack"}, "floating-point values of one band"),
        (np.zeros((60, 80), np.int16), {"photometric": "minisblack"}, "signed 16-bit"),
        (np.zeros((60, 80), np.uint32), {"photometric": "minisblack"}, "32-bit"),
    ],
)
def test_a_sound_file_that_is_no_photo_is_called_that(
    tmp_path: Path, values: np.ndarray, options: dict[str, Any], said: str
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for index in range(2):
        picture(index).save(folder / f"p{index}.jpg")
    tifffile.imwrite(folder / "odd.tif", values, **options)
    ingested = Ingested(tmp_path, folder)
    assert ingested.dropped == {"odd.tif": "UnsupportedFormat"}
    assert said in ingested.dataset.dropped[0].message


def test_light_as_floating_point_colours_is_tone_mapped(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for index in range(2):
        light = (np.asarray(picture(index), np.float32) / 255) ** 2.2
        tifffile.imwrite(folder / f"p{index}.tif", light, photometric="rgb")
    found = np.asarray(Ingested(tmp_path, folder).open(0).convert("L"), float)
    expected = np.asarray(picture(0).convert("L"), float)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99


def test_a_set_of_one_colour_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for index in range(3):
        Image.new("RGB", (64, 64), (100 + index, 100, 100)).save(folder / f"p{index}.png")
    with pytest.raises(ReconstructionError, match="hardly any contrast"):
        Ingested(tmp_path, folder)


@pytest.mark.parametrize(
    ("progressive", "missing", "kept"),
    [(False, 2, True), (False, 40, True), (True, 2, True), (False, None, False), (True, None, False)],
)
def test_a_jpeg_without_its_end_is_kept_while_no_row_is_missing(
    tmp_path: Path, progressive: bool, missing: int | None, kept: bool
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for index in range(2):
        picture(index).save(folder / f"p{index}.jpg")
    data = encoded(picture(5), "JPEG", quality=90, progressive=progressive)
    (folder / "cut.jpg").write_bytes(data[: -missing if missing else len(data) // 2])
    ingested = Ingested(tmp_path, folder)
    assert ("cut.jpg" in [image.original.name for image in ingested.images]) is kept
    if missing == 2:
        whole = Image.open(io.BytesIO(data)).convert("RGB")
        stored = next(image for image in ingested.images if image.original.name == "cut.jpg")
        found = Image.open(ingested.workspace / stored.file).convert("RGB")
        assert np.abs(np.asarray(found, int) - np.asarray(whole, int)).mean() < 3
