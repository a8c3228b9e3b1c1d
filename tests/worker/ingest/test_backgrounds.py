"""Photos of an object before a plain background get masks by themselves, others don't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.poses.dataset_photos import read_mask

from .photos import Ingested, encoded, picture, write_photos

WIDTH, HEIGHT = 320, 240


def thing(turn: int) -> NDArray[np.bool_]:
    """What the object covers in photo number `turn`: it turns, and a stalk reaches the photo's lower border."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    angle = turn * 0.4
    along = (x - 160) * np.cos(angle) + (y - 110) * np.sin(angle)
    across = (y - 110) * np.cos(angle) - (x - 160) * np.sin(angle)
    return ((along / 70) ** 2 + (across / 40) ** 2 < 1) | ((abs(x - 160) < 8) & (y > 110))


def before(colour: int, turn: int, noise: float = 2.0) -> Image.Image:
    """A photo of the thing before cloth or paper of one colour."""
    inside = np.asarray(Image.fromarray((thing(turn) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7)))
    share = (inside / 255)[..., None]
    pixels = np.asarray(picture(turn, WIDTH, HEIGHT), np.float64) * 0.6 + 60
    pixels = share * pixels + (1 - share) * colour + np.random.default_rng(turn).normal(0, noise, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def shoot(folder: Path, colour: int, count: int = 6) -> Path:
    folder.mkdir()
    for turn in range(count):
        (folder / f"p{turn}.jpg").write_bytes(encoded(before(colour, turn), "JPEG", quality=92))
    return folder


@pytest.mark.parametrize("colour", [3, 250, 128])
def test_an_object_before_black_white_or_grey_is_masked(tmp_path: Path, colour: int) -> None:
    result = Ingested(tmp_path, shoot(tmp_path / "photos", colour))
    for turn, image in enumerate(result.images):
        mask = read_mask(result.workspace, image)
        assert mask is not None
        found, right = mask >= 128, thing(turn)
        assert (found & right).sum() / (found | right).sum() > 0.93
    assert "6 masked by their plain background" in result.output.message


def test_photos_are_left_alone_where_that_is_wanted(tmp_path: Path) -> None:
    result = Ingested(tmp_path, shoot(tmp_path / "photos", 0), images={"masks": "None"})
    assert all(image.mask is None for image in result.images)


def test_other_photos_get_no_mask_and_say_so_where_masks_were_asked_for(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 4)
    result = Ingested(tmp_path, tmp_path / "photos")
    assert all(image.mask is None for image in result.images)
    with pytest.raises(
        ReconstructionError, match=r"spec\.images\.masks is Background, but only 0 of 4 photos"
    ) as error:
        Ingested(tmp_path / "again", tmp_path / "photos", images={"masks": "Background"})
    assert error.value.code == "InvalidSpec"


def test_one_photo_with_something_behind_the_object_is_named(tmp_path: Path) -> None:
    photos = shoot(tmp_path / "photos", 250)
    (photos / "p9.jpg").write_bytes(encoded(picture(50), "JPEG"))
    result = Ingested(tmp_path, photos)
    odd = result.images[-1]
    assert odd.mask is None
    assert odd.notes == ["no mask: its background has more than one colour"]
    assert sum(image.mask is not None for image in result.images) == 6


def test_masks_that_are_there_are_kept(tmp_path: Path) -> None:
    photos = shoot(tmp_path / "photos", 250)
    (photos / "masks").mkdir()
    Image.new("L", (WIDTH, HEIGHT), 255).save(photos / "masks" / "p0.png")
    result = Ingested(tmp_path, photos)
    assert [image.mask is not None for image in result.images] == [True] + [False] * 5
