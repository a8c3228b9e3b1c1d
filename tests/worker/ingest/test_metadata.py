"""Focal length and place from EXIF."""

from __future__ import annotations

import math
from typing import Any

import pytest
from PIL import ExifTags, Image

from reconstruction_worker.ingest.metadata import camera_data, exposure, focal_length, position

Base, Gps = ExifTags.Base, ExifTags.GPS


def test_the_35_mm_equivalent_is_relative_to_the_diagonal() -> None:
    # A full frame camera: 3:2, 36 mm wide; 36 mm of focal length span the width once.
    assert focal_length({Base.FocalLengthIn35mmFilm: 36}, 6000, 4000) == pytest.approx(6000)


@pytest.mark.parametrize(("unit", "density"), [(2, 25400 / 5), (3, 10000 / 5), (4, 1000 / 5), (5, 1 / 5)])
def test_a_known_sensor_gives_the_focal_length_also_of_a_scaled_photo(unit: int, density: float) -> None:
    exif: dict[int, Any] = {
        Base.FocalLength: 20.0,
        Base.FocalPlaneXResolution: density,  # pixels of 5 micrometres
        Base.FocalPlaneResolutionUnit: unit,
        Base.ExifImageWidth: 6000,
        Base.ExifImageHeight: 4000,
    }
    assert focal_length(exif, 6000, 4000) == pytest.approx(4000)
    assert focal_length(exif, 1500, 1000) == pytest.approx(1000)
    assert focal_length(exif, 1000, 1500) == pytest.approx(1000)


@pytest.mark.parametrize(
    "exif",
    [
        {},
        {Base.FocalLengthIn35mmFilm: 0},
        {Base.FocalLength: math.nan, Base.FocalPlaneXResolution: 100},
        {Base.FocalLength: 4.2},
        {Base.FocalLength: 4.2, Base.FocalPlaneXResolution: 0},
        {Base.FocalLength: 4.2, Base.FocalPlaneXResolution: 72},  # density of a screen
    ],
)
def test_no_focal_length_is_made_up(exif: dict[int, Any]) -> None:
    assert focal_length(exif, 4000, 3000) is None


def test_degrees_minutes_and_seconds_become_signed_degrees() -> None:
    place: dict[int, Any] = {
        Gps.GPSLatitudeRef: "S",
        Gps.GPSLatitude: (33.0, 51.0, 36.0),
        Gps.GPSLongitudeRef: "E",
        Gps.GPSLongitude: (151.0, 12.0, 0.0),
        Gps.GPSAltitude: 12.5,
        Gps.GPSAltitudeRef: b"\x01",
    }
    assert position(place) == pytest.approx((-33.86, 151.2, -12.5))


@pytest.mark.parametrize(
    "place",
    [
        {},
        {Gps.GPSLatitude: (1.0, 2.0), Gps.GPSLongitude: (1.0, 2.0, 3.0)},
        {Gps.GPSLatitude: (math.nan, 0.0, 0.0), Gps.GPSLongitude: (1.0, 2.0, 3.0)},
        {Gps.GPSLatitude: (95.0, 0.0, 0.0), Gps.GPSLongitude: (1.0, 2.0, 3.0)},
        {Gps.GPSLatitude: (0.0, 0.0, 0.0), Gps.GPSLongitude: (0.0, 0.0, 0.0)},
    ],
)
def test_no_place_is_made_up(place: dict[int, Any]) -> None:
    assert position(place) is None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_costs_only_the_metadata() -> None:
    image = Image.new("RGB", (8, 8))
    image.info["exif"] = b"Exif\0\0MM\0*\xff\xff\xff\xff garbage"
    assert camera_data(image).focal_pixels is None


def test_exposure_is_time_times_speed_over_the_squared_f_number() -> None:
    exif = {33434: 1 / 500, 33437: 2.0, 34855: 200}
    assert exposure(exif) == pytest.approx(200 / 500 / 4)
    assert exposure({**exif, 34855: (200, 0)}) == pytest.approx(200 / 500 / 4)


@pytest.mark.parametrize("missing", [33434, 33437, 34855])
def test_an_incomplete_exposure_is_none(missing: int) -> None:
    exif = {33434: 1 / 500, 33437: 2.0, 34855: 200}
    assert exposure({tag: value for tag, value in exif.items() if tag != missing}) is None
    assert exposure({**exif, missing: 0}) is None
