"""HEIC and raw photos, as phones and cameras store them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.decode import decode
from reconstruction_worker.ingest.limits import DEFAULT_LIMITS, Limits

from .photos import Ingested, encoded, picture

HEIC = Path(__file__).parent / "data" / "photo.heic"


def write_dng(path: Path, width: int = 128, height: int = 96) -> None:
    """A raw photo (Bayer RGGB, 16 bits, uncompressed) whose left half is red and whose right half is blue."""
    mosaic = np.full((height, width), 2000, np.uint16)
    mosaic[0::2, 0 : width // 2 : 2] = 40000
    mosaic[1::2, width // 2 + 1 :: 2] = 40000
    rational = [(10000, 10000), (0, 10000), (0, 10000), (0, 10000), (10000, 10000), (0, 10000), (0, 10000), (0, 10000),
                (10000, 10000)]  # fmt: skip
    tags = [
        (271, "s", 0, "Example", True),
        (272, "s", 0, "Camera", True),
        (33421, "H", 2, (2, 2), True),  # CFARepeatPatternDim
        (33422, "B", 4, (0, 1, 1, 2), True),  # CFAPattern
        (50706, "B", 4, (1, 4, 0, 0), True),  # DNGVersion
        (50708, "s", 0, "Example Camera", True),
        (50717, "I", 1, 65535, True),  # WhiteLevel
        (50721, "2i", 9, tuple(value for pair in rational for value in pair), True),  # ColorMatrix1
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),  # AsShotNeutral
    ]
    tifffile.imwrite(path, mosaic, photometric=32803, planarconfig=1, extratags=tags, metadata=None)


def test_a_raw_photo_is_developed(tmp_path: Path) -> None:
    write_dng(tmp_path / "shot.dng")
    decoded = decode(tmp_path / "shot.dng", "shot.dng", DEFAULT_LIMITS)
    assert decoded.image.mode == "RGB"
    assert abs(decoded.image.width - 128) <= 8
    pixels = np.asarray(decoded.image, float)
    left, right = pixels[40:60, 20:40].mean(axis=(0, 1)), pixels[40:60, -40:-20].mean(axis=(0, 1))
    assert left[0] > 1.5 * left[2]
    assert right[2] > 1.5 * right[0]
    assert decoded.notes == ["developed from raw camera"]


def test_raw_photos_go_through_the_whole_stage(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    write_dng(tmp_path / "photos" / "a.dng")
    (tmp_path / "photos" / "b.jpg").write_bytes(encoded(picture(3), "JPEG"))
    (tmp_path / "photos" / "broken.nef").write_bytes(b"II*\0" + bytes(3000))
    result = Ingested(tmp_path, tmp_path / "photos")
    assert [(image.name, image.status) for image in result.images] == [("a.png", "fixed"), ("b.jpg", "kept")]
    assert result.dropped == {"broken.nef": "ImageCorrupt"}


def test_a_raw_photo_of_too_many_pixels_is_not_developed(tmp_path: Path) -> None:
    write_dng(tmp_path / "shot.dng")
    with pytest.raises(ReconstructionError) as error:
        decode(tmp_path / "shot.dng", "shot.dng", Limits(pixels=1000))
    assert error.value.code == "FileTooLarge"


def test_a_heic_photo_is_read(tmp_path: Path) -> None:
    (tmp_path / "phone.jpg").write_bytes(HEIC.read_bytes())
    decoded = decode(tmp_path / "phone.jpg", "phone.jpg", DEFAULT_LIMITS)
    assert decoded.image.mode == "RGB"
    expected = picture(4, 96, 64)
    difference = np.abs(np.asarray(decoded.image, float) - np.asarray(expected, float)).mean()
    assert decoded.image.size == expected.size
    assert difference < 16


def test_a_heic_photo_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "phone.heic"
    path.write_bytes(HEIC.read_bytes()[:-500])
    with pytest.raises(ReconstructionError, match=r"phone.heic") as error:
        decode(path, "phone.heic", DEFAULT_LIMITS)
    assert error.value.code == "ImageCorrupt"


def test_the_size_of_a_heic_photo_is_checked_before_it_is_decoded() -> None:
    with pytest.raises(ReconstructionError) as error:
        decode(HEIC, "phone.heic", Limits(pixels=1000))
    assert error.value.code == "FileTooLarge"
    assert Image.MAX_IMAGE_PIXELS is None or Image.MAX_IMAGE_PIXELS > 1000
