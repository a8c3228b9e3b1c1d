"""The stage as a whole: what becomes of good, odd and bad photos."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.errors import ExitCode, ReconstructionError
from reconstruction_api.worker import SourceLimits
from reconstruction_worker.engines import registry
from reconstruction_worker.ingest.limits import Limits
from reconstruction_worker.ingest.listing import identity

from .photos import Ingested, encoded, picture, write_photos


def failure(folder: Path, photos: Path, **spec: Any) -> ReconstructionError:
    with pytest.raises(ReconstructionError) as error:
        Ingested(folder, photos, **spec)
    assert error.value.exit_code is ExitCode.INVALID_INPUT
    return error.value


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def test_photos_that_are_fine_are_kept_byte_by_byte(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 3)
    result = Ingested(tmp_path, photos)
    assert [image.name for image in result.images] == ["p0.jpg", "p1.jpg", "p2.jpg"]
    assert all(image.status == "kept" and image.notes == [] for image in result.images)
    assert (result.workspace / result.images[0].file).read_bytes() == (photos / "p0.jpg").read_bytes()
    assert result.output.metrics == {"images": 3, "droppedImages": 0}
    assert result.reports[-1].percent == 95


def test_large_photos_are_scaled_with_their_focal_length_and_get_thumbnails(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 2)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 36  # focal length as on 35 mm film
    (photos / "z.jpg").write_bytes(encoded(picture(9, 600, 400), "JPEG", exif=exif))
    result = Ingested(tmp_path, photos, images={"maxSidePixels": 300})
    (scaled,) = [image for image in result.images if image.name == "z.jpg"]
    assert (scaled.width, scaled.height) == result.open(2).size == (300, 200)
    assert scaled.focal_pixels == pytest.approx(300, rel=1e-3)
    assert (scaled.status, scaled.notes) == ("fixed", ["scaled by 0.500", "another size than most photos (320 x 240)"])
    with Image.open(result.workspace / "ingest" / "thumbnails" / "z.jpg") as thumbnail:
        assert thumbnail.size == (256, 171)


def test_content_decides_the_format_not_the_name(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 2)
    (photos / "really-png.jpg").write_bytes(encoded(picture(5), "PNG"))
    (photos / "no-suffix").write_bytes(encoded(picture(6), "WEBP"))
    (photos / "notes.txt").write_text("not a photo, and not meant as one")
    result = Ingested(tmp_path, photos)
    assert [image.name for image in result.images] == ["no-suffix.png", "p0.jpg", "p1.jpg", "really-png.png"]
    assert result.dropped == {}


def test_each_bad_photo_among_good_ones_is_left_out_with_its_own_code(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 4)
    (photos / "text.jpg").write_text("this is text")
    (photos / "cut.png").write_bytes(encoded(picture(7), "PNG")[:5000])
    (photos / "empty.jpg").touch()
    (photos / "film.gif").write_bytes(encoded(picture(8), "GIF"))
    (photos / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (photos / "copy.jpg").write_bytes((photos / "p1.jpg").read_bytes())
    (photos / "saved-again.jpg").write_bytes(encoded(picture(2), "JPEG", quality=60))
    (photos / "large.tif").write_bytes(encoded(picture(11, 700, 700), "TIFF"))
    result = Ingested(tmp_path, photos, Limits(file_bytes=10**6))
    assert len(result.images) == 4
    assert result.dropped == {
        "text.jpg": "UnsupportedFormat",
        "cut.png": "ImageCorrupt",
        "empty.jpg": "ImageCorrupt",
        "film.gif": "UnsupportedFormat",
        "phone.heic": "ImageCorrupt",
        "p1.jpg": "Duplicate",
        "saved-again.jpg": "Duplicate",
        "large.tif": "FileTooLarge",
    }
    assert all(item.name in item.message for item in result.dataset.dropped)
    assert "8 left out (cut.png: ImageCorrupt, empty.jpg: ImageCorrupt, film.gif" in result.output.message
    stored = {path.name for path in (result.workspace / "ingest" / "images").iterdir()}
    assert stored == {image.name for image in result.images}


def test_blurred_tiny_and_odd_sized_photos_are_kept_and_noted(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 5)
    soft = picture(20).resize((16, 12)).resize((320, 240), Image.Resampling.BICUBIC)
    (photos / "blurred.png").write_bytes(encoded(soft, "PNG"))
    (photos / "tiny.png").write_bytes(encoded(picture(21, 80, 60), "PNG"))
    notes = {image.name: " ".join(image.notes) for image in Ingested(tmp_path, photos).images}
    assert "blurred" in notes["blurred.png"]
    assert "tiny: 80 x 60 pixels" in notes["tiny.png"]
    assert "another size" in notes["tiny.png"]
    assert notes["p0.jpg"] == ""


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("x.jpg", b"this is text", "UnsupportedFormat", "x.jpg is not an image but text"),
        ("x.png", encoded(picture(), "PNG")[:4000], "ImageCorrupt", "x.png is cut off"),
        ("x.jpg", encoded(picture(), "JPEG"), "ImageCountOutOfRange", "one photo; a reconstruction needs at least 2"),
        ("x.txt", b"this is text", "ImageCountOutOfRange", "no photos"),
        ("x.zip", b"PK\x03\x04", "ImageCountOutOfRange", "name that file in spec.source"),
        (".hidden.jpg", encoded(picture(), "JPEG"), "ImageCountOutOfRange", "no photos"),
    ],
)
def test_a_set_that_is_too_small_fails_with_what_tells_most(
    tmp_path: Path, photos: Path, name: str, content: bytes, code: str, words: str
) -> None:
    (photos / name).write_bytes(content)
    error = failure(tmp_path, photos)
    assert error.code == code
    assert words in error.message


def test_copies_do_not_make_a_set(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 1)
    (photos / "again.jpg").write_bytes((photos / "p0.jpg").read_bytes())
    error = failure(tmp_path, photos)
    assert error.code == "ImageCountOutOfRange"
    assert "1 more is a copy" in error.message


def test_a_missing_folder_is_named_as_the_user_named_it(tmp_path: Path) -> None:
    error = failure(tmp_path, tmp_path / "nowhere", source={"uri": "./my-photos"})
    assert error.code == "SourceNotFound"
    assert "'./my-photos'" in error.message
    assert str(tmp_path) not in error.message


def test_more_bytes_than_allowed_are_refused(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 3)
    with pytest.raises(ReconstructionError) as error:
        Ingested(tmp_path, photos, Limits(total_bytes=1000))
    assert error.value.code == "FileTooLarge"


def test_an_archive_of_one_folder_is_read_like_the_folder(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 3)
    (photos / "transforms.json").write_text(json.dumps({"frames": []}))
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in photos.iterdir():
            file.write(path, f"capture/{path.name}")
    result = Ingested(tmp_path, archive)
    assert [image.original.name for image in result.images] == ["p0.jpg", "p1.jpg", "p2.jpg"]
    assert json.loads((result.workspace / "ingest" / "provided" / "transforms.json").read_text()) == {"frames": []}
    assert sorted(path.name for path in (result.workspace / "ingest").iterdir()) == [
        "dataset.json",
        "depth",
        "images",
        "larger",
        "masks",
        "provided",
        "thumbnails",
    ]


def test_an_archive_with_paths_that_lead_out_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../evil.jpg", encoded(picture(), "JPEG"))
    assert failure(tmp_path, archive).code == "UnsafeArchive"
    assert list(tmp_path.rglob("evil*")) == []


def test_photos_of_one_name_in_several_folders_stay_apart(tmp_path: Path, photos: Path) -> None:
    write_photos(photos / "left camera", 2)
    write_photos(photos / "right", 2, first_seed=50)
    (photos / "right" / "p0.png").write_bytes(encoded(picture(60), "PNG"))
    names = [image.name for image in Ingested(tmp_path, photos).images]
    assert names == ["left_camera_p0.jpg", "left_camera_p1.jpg", "right_p0.jpg", "right_p0_2.png", "right_p1.jpg"]


def test_names_that_are_no_text_or_too_long_for_a_file_are_told_as_far_as_possible(tmp_path: Path) -> None:
    content, archive = [encoded(picture(number), "JPEG") for number in range(4)], tmp_path / "photos.tar"
    long = "x" * 300
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as file:
        for name, data in zip((f"{long}1.jpg", f"{long}2.jpg", "caf\udce9.jpg", f"{long}/2.jpg"), content, strict=True):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    images = Ingested(tmp_path, archive).images
    assert [image.original.name for image in images] == ["caf?.jpg", f"{long}/2.jpg", f"{long}1.jpg", f"{long}2.jpg"]
    assert [image.name for image in images] == ["caf.jpg", "2.jpg", f"{'x' * 149}1.jpg", f"{'x' * 149}2.jpg"]


def test_a_file_whose_name_is_not_utf_8_is_a_photo_like_any_other(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 2)
    (photos / os.fsdecode(b"caf\xe9.jpg")).write_bytes(encoded(picture(7), "JPEG"))
    assert [image.original.name for image in Ingested(tmp_path, photos).images] == ["caf?.jpg", "p0.jpg", "p1.jpg"]
    assert identity(photos) is not None


def test_smaller_copies_beside_images_are_not_taken_for_photos(tmp_path: Path, photos: Path) -> None:
    write_photos(photos / "images", 3)
    write_photos(photos / "images_2", 3, first_seed=10)
    write_photos(photos / "depth", 3, first_seed=20)
    (photos / "transforms.json").write_text("{}")
    result = Ingested(tmp_path, photos)
    assert [image.original.name for image in result.images] == ["images/p0.jpg", "images/p1.jpg", "images/p2.jpg"]


def test_links_that_lead_out_of_the_source_are_not_followed(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 3)
    write_photos(tmp_path / "private", 1, first_seed=30)
    (photos / "link.jpg").symlink_to(tmp_path / "private" / "p0.jpg")
    (photos / "folder").symlink_to(tmp_path / "private")
    (photos / "inside.jpg").symlink_to(photos / "p0.jpg")
    result = Ingested(tmp_path, photos)
    assert len(result.images) == 3
    assert set(result.dropped.values()) == {"Duplicate"}


def test_results_of_earlier_runs_are_no_photos(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 3)
    before = identity(photos)
    results = photos / "out" / "statue"
    write_photos(results / "workspace" / "ingest" / "images", 3, first_seed=40)
    (results / "workspace" / ".reconstruction-lock").touch()
    assert identity(photos) == before
    assert len(Ingested(tmp_path, photos).images) == 3


def half_mask(size: tuple[int, int]) -> Image.Image:
    """The left half is the object."""
    mask = Image.new("L", size, 0)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    return mask


def test_masks_from_a_folder_become_files_of_the_stored_size(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 3)
    (photos / "masks").mkdir()
    (photos / "masks" / "p0.png").write_bytes(encoded(half_mask((320, 240)), "PNG"))
    (photos / "masks" / "p1.jpg.png").write_bytes(encoded(half_mask((160, 120)), "PNG"))
    (photos / "masks" / "p2.png").write_bytes(encoded(half_mask((100, 240)), "PNG"))
    result = Ingested(tmp_path, photos, images={"maxSidePixels": 160})
    assert [image.mask for image in result.images] == ["ingest/masks/p0.png", "ingest/masks/p1.png", None]
    assert "another shape" in " ".join(result.images[2].notes)
    for image in result.images[:2]:
        with Image.open(result.workspace / str(image.mask)) as mask:
            assert mask.size == (160, 120)
            assert np.asarray(mask).mean() == pytest.approx(127.5, abs=2)


def test_alpha_is_kept_and_a_mask_from_the_folder_replaces_it(tmp_path: Path, photos: Path) -> None:
    for index in range(3):
        (photos / f"p{index}.png").write_bytes(encoded(picture(index, mode="RGBA"), "PNG"))
    (photos / "masks").mkdir()
    (photos / "masks" / "p0.png").write_bytes(encoded(half_mask((320, 240)), "PNG"))
    result = Ingested(tmp_path, photos)
    assert all(image.has_alpha and image.mask is None for image in result.images)
    assert np.asarray(result.open(0))[..., 3].mean() == pytest.approx(127.5)
    assert np.asarray(result.open(1))[..., 3].mean() == pytest.approx(255 / 4)


@pytest.mark.parametrize(("policy", "has_alpha"), [("None", False), ("Alpha", True), ("Auto", True)])
def test_the_mask_policy_decides_about_alpha(tmp_path: Path, photos: Path, policy: str, has_alpha: bool) -> None:
    for index in range(3):
        (photos / f"p{index}.png").write_bytes(encoded(picture(index, mode="RGBA"), "PNG"))
    result = Ingested(tmp_path, photos, images={"masks": policy})
    assert result.images[0].has_alpha is has_alpha
    if not has_alpha:
        assert result.open().getpixel((0, 0)) == (255, 255, 255)


def test_a_mask_folder_that_was_asked_for_must_be_there(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 3)
    error = failure(tmp_path, photos, images={"masks": "Folder"})
    assert error.code == "SourceNotFound"
    assert "spec.images.masks" in error.message


def test_the_same_photos_give_the_same_files(tmp_path: Path, photos: Path) -> None:
    write_photos(photos, 3, "PNG", "png")
    contents = []
    for name in ("first", "second"):
        result = Ingested(tmp_path / name, photos, images={"maxSidePixels": 128})
        files = sorted((result.workspace / "ingest").rglob("*.*"))
        contents.append([(path.name, path.read_bytes()) for path in files])
    assert contents[0] == contents[1]


def test_the_bounds_of_the_engine_are_named(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "choosy_engine.py").write_text(
        "from types import SimpleNamespace as Bag\nENGINE = Bag(spec=Bag(name='choosy', min_images=6, max_images=6))\n"
    )
    point = EntryPoint("choosy", "choosy_engine:ENGINE", "reconstruction.engines")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    monkeypatch.syspath_prepend(tmp_path)
    write_photos(photos, 5)
    assert "5 photos; choosy needs at least 6" in failure(tmp_path, photos, engine="choosy").message
    write_photos(photos, 7)
    assert "7 photos; choosy takes at most 6" in failure(tmp_path, photos, engine="choosy").message


def test_the_limits_are_those_of_the_environment(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_photos(photos, 3)
    (photos / "large.tif").write_bytes(encoded(picture(11, 700, 700), "TIFF"))
    monkeypatch.setenv("RECONSTRUCTION_MAX_FILE_BYTES", "1000000")
    assert Ingested(tmp_path, photos).dropped == {"large.tif": "FileTooLarge"}
    monkeypatch.setenv("RECONSTRUCTION_MAX_SET_BYTES", "20000")
    assert failure(tmp_path, photos).code == "FileTooLarge"
    monkeypatch.setenv("RECONSTRUCTION_MAX_SET_BYTES", "-1")
    assert "RECONSTRUCTION_MAX_SET_BYTES must be" in failure(tmp_path, photos).message


@pytest.mark.parametrize(
    ("allowed", "code", "words"),
    [
        ({"max_images": 2}, "ImageCountOutOfRange", "has 3 photos; the profile allows at most 2"),
        ({"max_file_bytes": 100}, "FileTooLarge", "p0.jpg is"),
        ({"max_set_bytes": 100}, "FileTooLarge", "the limit of a set is"),
    ],
)
def test_what_a_profile_does_not_allow_is_refused(
    tmp_path: Path, photos: Path, allowed: dict[str, int], code: str, words: str
) -> None:
    write_photos(photos, 3)
    error = failure(tmp_path, photos, limits=Limits().allowing(SourceLimits(**allowed)))
    assert error.code == code and words in error.message


def test_originals_of_photos_that_are_made_smaller_are_kept_where_the_texture_wants_them(
    tmp_path: Path, photos: Path
) -> None:
    write_photos(photos, 2)  # 320 x 240
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    (photos / "turned.jpg").write_bytes(encoded(picture(7, 640, 400), "JPEG", exif=exif))
    result = Ingested(tmp_path, photos, images={"maxSidePixels": 320}, mesh={"textureSource": "Original"})
    kept = result.workspace / "originals"
    assert [path.name for path in kept.iterdir()] == ["turned.jpg"]
    assert Image.open(kept / "turned.jpg").size == (400, 640)
    result = Ingested(tmp_path, photos, images={"maxSidePixels": 160}, mesh={"textureSource": "Original"})
    assert (result.workspace / "originals" / "p0.jpg").read_bytes() == (photos / "p0.jpg").read_bytes()
    result = Ingested(tmp_path, photos, images={"maxSidePixels": 160})
    assert not list((result.workspace / "originals").iterdir())
