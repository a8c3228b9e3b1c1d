"""Photos are kept as large as their cameras are estimated from, however small those are that are trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reconstruction_worker.ingest.larger import FEATURES_SIDE, Size, larger_size

from .photos import Ingested, encoded, picture, write_photos


@pytest.mark.parametrize("stored", [(640, 427), (427, 640), (640, 480), (960, 717), (500, 333)])
def test_the_copy_has_the_shape_of_the_smaller_photo(stored: Size) -> None:
    size = larger_size(stored, (stored[0] * 9, stored[1] * 9))
    assert size is not None
    assert FEATURES_SIDE - 70 <= max(size) <= FEATURES_SIDE
    factors = np.divide(size, stored)
    assert factors[0] == pytest.approx(factors[1], rel=2e-4)


@pytest.mark.parametrize(
    ("stored", "whole", "expected"),
    [((640, 480), (800, 600), (800, 600)), ((640, 480), (680, 510), None), ((1600, 1200), (4000, 3000), None)],
)
def test_it_is_not_larger_than_the_photo_and_not_kept_for_a_few_pixels(
    stored: Size, whole: Size, expected: Size | None
) -> None:
    assert larger_size(stored, whole) == expected


def test_copies_are_kept_of_photos_that_are_made_smaller(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photos(photos, 2)  # 320 x 240
    clear = picture(5).convert("RGBA")
    clear.putalpha(128)
    (photos / "clear.png").write_bytes(encoded(clear, "PNG"))
    result = Ingested(tmp_path, photos, images={"maxSidePixels": 160})
    copies = {image.original.name: image.larger for image in result.images}
    assert {name: copy.file for name, copy in copies.items() if copy} == {
        "clear.png": "ingest/larger/clear.png",
        "p0.jpg": "ingest/larger/p0.jpg",
        "p1.jpg": "ingest/larger/p1.jpg",
    }
    for copy in copies.values():
        assert copy is not None
        with Image.open(result.workspace / copy.file) as image:
            assert image.size == (copy.width, copy.height) == (320, 240)
    result = Ingested(tmp_path, photos, images={"maxSidePixels": 320})
    assert [image.larger for image in result.images] == [None] * 3
    assert not list((result.workspace / "ingest" / "larger").iterdir())
