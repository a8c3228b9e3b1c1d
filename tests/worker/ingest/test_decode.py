"""Photos of every kind become upright 8-bit RGB or RGBA; damaged ones are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.decode import Decoded, decode
from reconstruction_worker.ingest.limits import DEFAULT_LIMITS, Limits

from .photos import encoded, picture


def decoded(tmp_path: Path, content: bytes, limits: Limits = DEFAULT_LIMITS) -> Decoded:
    path = tmp_path / "photo"
    path.write_bytes(content)
    return decode(path, "photo.jpg", limits)


@pytest.mark.parametrize(
    ("mode", "form", "result"),
    [
        ("RGB", "PNG", "RGB"),
        ("RGBA", "PNG", "RGBA"),
        ("L", "PNG", "RGB"),
        ("P", "PNG", "RGB"),
        ("1", "PNG", "RGB"),
        ("RGB", "JPEG", "RGB"),
        ("CMYK", "JPEG", "RGB"),
        ("L", "JPEG", "RGB"),
        ("RGB", "WEBP", "RGB"),
        ("RGBA", "WEBP", "RGBA"),
        ("RGB", "TIFF", "RGB"),
        ("CMYK", "TIFF", "RGB"),
    ],
)
def test_every_mode_becomes_rgb_or_rgba(tmp_path: Path, mode: str, form: str, result: str) -> None:
    photo = decoded(tmp_path, encoded(picture(mode=mode), form))
    assert photo.image.mode == result
    assert (photo.width, photo.height) == (320, 240)


def test_an_alpha_channel_that_hides_nothing_is_no_mask(tmp_path: Path) -> None:
    assert not decoded(tmp_path, encoded(picture().convert("RGBA"), "PNG")).has_alpha


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bits_keep_their_range(tmp_path: Path, form: str) -> None:
    values = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    photo = decoded(tmp_path, encoded(Image.fromarray(values), form))
    assert np.abs(np.asarray(photo.image)[..., 0].astype(int).ravel() - np.arange(256)).max() <= 1
    assert photo.notes == ["16 bits reduced to 8"]


def test_depth_is_no_photo(tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError) as error:
        decoded(tmp_path, encoded(Image.fromarray(np.ones((9, 9), np.float32)), "TIFF"))
    assert error.value.code == "UnsupportedFormat"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    upright = picture(width=64, height=32)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Transpose values that undo what the viewer will do
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = decoded(tmp_path, encoded(stored, "PNG", exif=exif))
    assert np.array_equal(np.asarray(photo.image), np.asarray(upright))
    assert photo.notes == (["turned upright"] if orientation > 1 else [])


@pytest.mark.parametrize("profile", ["sRGB", "LAB"])
def test_a_profile_that_is_srgb_or_does_not_fit_changes_nothing(tmp_path: Path, profile: str) -> None:
    content = ImageCms.ImageCmsProfile(ImageCms.createProfile(profile)).tobytes()  # type: ignore[arg-type]
    assert decoded(tmp_path, encoded(picture(), "JPEG", icc_profile=content)).plain


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_photo_cut_short_is_corrupt_and_named(tmp_path: Path, form: str) -> None:
    content = encoded(picture(), form)
    with pytest.raises(ReconstructionError, match=r"photo\.jpg") as error:
        decoded(tmp_path, content[: len(content) * 2 // 3])
    assert error.value.code == "ImageCorrupt"


def test_a_photo_with_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError) as error:
        decoded(tmp_path, encoded(picture(), "PNG"), Limits(pixels=320 * 240 - 1))
    assert error.value.code == "FileTooLarge"


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about odd files
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_bytes_a_photo_has_it_is_decoded_or_refused_with_a_code(tmp_path: Path, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF"]))
    content = bytearray(encoded(picture(width=40, height=30), form))
    for position, value in data.draw(
        st.lists(st.tuples(st.integers(8, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=8)
    ):
        content[position] = value
    try:
        photo = decoded(tmp_path, bytes(content), Limits(pixels=10**6))
    except ReconstructionError as error:
        assert error.code in ("ImageCorrupt", "UnsupportedFormat", "FileTooLarge")
    else:
        assert photo.image.mode in ("RGB", "RGBA")
