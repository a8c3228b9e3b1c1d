"""Photos of 360 degrees: each direction is where a pinhole camera sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from tests.worker.ingest.photos import Ingested, write_photos

from reconstruction_worker.ingest.checks import FISHEYE_NOTE

WIDTH, HEIGHT = 2048, 1024
DISCS = {(0, 0): (255, 0, 0), (90, 0): (0, 255, 0), (200, 0): (0, 0, 255), (45, 30): (255, 255, 0)}
"""Colours of discs of 4 degrees, by longitude right of the middle and by latitude above the horizon, in degrees."""


def panorama(number: int = 0) -> Image.Image:
    """A world of small squares in grey colours, with discs."""
    noise = np.random.default_rng(number).integers(90, 160, (HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)).copy()
    picture[:, -16:] = picture[:, :16]
    longitude, latitude = np.meshgrid(
        (np.arange(WIDTH) + 0.5) / WIDTH * 360 - 180, 90 - (np.arange(HEIGHT) + 0.5) / HEIGHT * 180
    )
    directions = towards(longitude, latitude)
    for (angle, height), colour in DISCS.items():
        picture[directions @ towards(angle, height) > np.cos(np.radians(2))] = colour
    return Image.fromarray(picture)


def towards(longitude: Any, latitude: Any) -> np.ndarray:
    """Unit vectors [..., 3]: right, up, forward."""
    longitude, latitude = np.radians(longitude), np.radians(latitude)
    flat = np.cos(latitude)
    return np.stack([flat * np.sin(longitude), np.sin(latitude), flat * np.cos(longitude)], axis=-1)


def told(part: int = WIDTH) -> bytes:
    """Photo Sphere XMP of a panorama of which `part` columns were taken."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description GPano:ProjectionType="equirectangular" '
        b'GPano:FullPanoWidthPixels="%d" GPano:CroppedAreaImageWidthPixels="%d"/></x:xmpmeta>' % (WIDTH, part)
    )


def middle_of(picture: Path, colour: tuple[int, int, int]) -> np.ndarray:
    """Column and row of the pixels of a colour, on average; pixel centres are at halves."""
    pixels = np.asarray(Image.open(picture), dtype=int)
    rows, columns = np.nonzero(np.abs(pixels - colour).max(-1) < 60)
    assert len(rows), f"{colour} is not in {picture.name}"
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def test_each_direction_is_where_a_camera_sees_it(tmp_path: Path) -> None:
    source = tmp_path / "capture"
    source.mkdir()
    for number in range(2):
        panorama(number).save(source / f"p{number}.jpg", quality=95, xmp=told())
    result = Ingested(tmp_path, source)
    assert len(result.images) == 16
    assert [(item.name, item.views) for item in result.dataset.panoramas] == [("p0.jpg", 8), ("p1.jpg", 8)]
    assert "cut from 2 panoramas" in result.output.message
    for image in result.images[:8]:
        assert image.view is not None
        assert image.width == image.height == round(WIDTH / np.pi)
        assert image.focal_pixels == pytest.approx(image.width / 2, abs=0.01)
        for (longitude, latitude), colour in DISCS.items():
            right, up, forward = towards(longitude - image.view.yaw_degrees, latitude)
            seen = image.width / 2 * (1 + np.array([right, -up]) / forward)
            if forward > 0 and np.all(np.abs(seen - image.width / 2) < 0.4 * image.width):
                assert middle_of(tmp_path / "workspace" / image.file, colour) == pytest.approx(seen, abs=1.5)


def test_place_and_exposure_stay(tmp_path: Path) -> None:
    source = tmp_path / "capture"
    source.mkdir()
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {
            ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (47.0, 30.0, 0.0),
            ExifTags.GPS.GPSLongitudeRef: "E", ExifTags.GPS.GPSLongitude: (8.0, 15.0, 0.0),
        }
    )  # fmt: skip
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {ExifTags.Base.ExposureTime: 0.01, ExifTags.Base.FNumber: 2.0, ExifTags.Base.ISOSpeedRatings: 100}
    )
    panorama().save(source / "p0.jpg", exif=exif, xmp=told())
    image = Ingested(tmp_path, source).images[0]
    assert image.gps == (47.5, 8.25, None)
    assert image.exposure == pytest.approx(0.25)


def test_one_that_does_not_say_so_is_recognised_by_its_borders(tmp_path: Path) -> None:
    source = tmp_path / "capture"
    source.mkdir()
    panorama().save(source / "p0.png")
    assert len(Ingested(tmp_path, source).images) == 8


@pytest.mark.parametrize("part", [WIDTH // 2, WIDTH - 1])
def test_a_part_of_the_horizon_is_a_photo_like_others(tmp_path: Path, part: int) -> None:
    source = tmp_path / "capture"
    source.mkdir()
    for number in range(2):
        panorama(number).save(source / f"p{number}.jpg", xmp=told(part))
    assert len(Ingested(tmp_path, source).images) == 2


def test_a_wide_photo_is_no_panorama(tmp_path: Path) -> None:
    """Twice as wide as high, but what is left is not what is right; or everything is dark, left and right too."""
    source = tmp_path / "capture"
    source.mkdir()
    for number in range(2):
        panorama(number).crop((0, 0, WIDTH - 24, HEIGHT - 12)).resize((WIDTH, HEIGHT)).save(source / f"p{number}.jpg")
    dark = Image.new("RGB", (WIDTH, HEIGHT), (12, 12, 12))
    dark.paste(panorama().resize((800, 800)), (624, 112))
    dark.save(source / "dark.jpg")
    result = Ingested(tmp_path, source)
    assert len(result.images) == 3
    assert result.dataset.panoramas == []


def test_photos_beside_panoramas_stay_as_they_are(tmp_path: Path) -> None:
    write_photos(tmp_path / "capture", 3)
    panorama().save(tmp_path / "capture" / "all-around.jpg", xmp=told())
    result = Ingested(tmp_path, tmp_path / "capture")
    assert sum(image.view is None for image in result.images) == 3
    assert sum(image.view is not None for image in result.images) == 8


@pytest.mark.parametrize("size", [(640, 640), (800, 600), (600, 800)])
def test_a_round_picture_is_told(tmp_path: Path, size: tuple[int, int]) -> None:
    write_photos(tmp_path / "capture", 2)
    width, height = size
    across, down = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    seen = np.asarray(panorama().resize(size)) * (np.hypot(across, down) < min(size) / 2)[..., None]
    Image.fromarray(seen.astype(np.uint8)).save(tmp_path / "capture" / "round.jpg")
    object_on_black = np.asarray(panorama().resize(size)) * (np.hypot(across, down) < min(size) / 3)[..., None]
    Image.fromarray(object_on_black.astype(np.uint8)).save(tmp_path / "capture" / "object.jpg")
    result = Ingested(tmp_path, tmp_path / "capture")
    assert [image.original.name for image in result.images if FISHEYE_NOTE in image.notes] == ["round.jpg"]
