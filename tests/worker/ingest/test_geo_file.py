"""OpenDroneMap's geo.txt: places of photos, in degrees or in a zone of UTM."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconstruction_worker.ingest.geo_file import GeoFile, read_geo_file
from reconstruction_worker.ingest.listing import list_folder

from .photos import Ingested, write_photos

PARIS = (48.8582, 2.2945)
"""The Eiffel tower; x 448251.8, y 5411932.7 in zone 31 of the north."""
SYDNEY = (-33.85677, 151.21526)
"""The opera house; x 334897.0, y 6252292.0 in zone 56 of the south."""
PHOTOS = ["day 1/a.jpg", "day 1/B.JPG", "day 2/c.jpg"]


def read(folder: Path, text: str, photos: list[str] = PHOTOS, encoding: str = "utf-8") -> GeoFile:
    (folder / "geo.txt").write_text(text, encoding=encoding)
    return read_geo_file(list_folder(folder), photos)


@pytest.mark.parametrize(
    ("projection", "x", "y", "place"),
    [
        ("EPSG:4326", PARIS[1], PARIS[0], PARIS),
        ("+proj=longlat +datum=WGS84", PARIS[1], PARIS[0], PARIS),
        ("EPSG:32631", 448251.8, 5411932.7, PARIS),
        ("WGS84 UTM 31N", 448251.8, 5411932.7, PARIS),
        ("WGS 84 / UTM zone 56S", 334897.0, 6252292.0, SYDNEY),
        ("EPSG:32756", 334897.0, 6252292.0, SYDNEY),
        ("+proj=utm +zone=56 +south +datum=WGS84", 334897.0, 6252292.0, SYDNEY),
    ],
)
def test_coordinates_of_every_spelling(projection: str, x: float, y: float, place: tuple, tmp_path: Path) -> None:
    found = read(tmp_path, f"{projection}\na.jpg {x} {y} 35.5 10 0 0 1.5 3\n")
    assert found.problem == ""
    latitude, longitude, altitude = found.places["day 1/a.jpg"]
    assert (latitude, longitude) == pytest.approx(place, abs=1e-5)
    assert altitude == 35.5


def test_names_are_meant_as_people_write_them(tmp_path: Path) -> None:
    lines = ["b.jpg\t2\t48\t7", "day 2/c.jpg\t3\t49", "unknown.jpg\t2\t48", "broken line", "a.jpg\tx\ty"]
    text = "\n".join(["# from a logger", "EPSG:4326", *lines])
    found = read(tmp_path, text, encoding="utf-8-sig")
    assert found.places == {"day 1/B.JPG": (48.0, 2.0, 7.0), "day 2/c.jpg": (49.0, 3.0, None)}


def test_a_name_of_two_photos_needs_its_folder(tmp_path: Path) -> None:
    found = read(tmp_path, "EPSG:4326\na.jpg 2 48\n", ["1/a.jpg", "2/a.jpg"])
    assert found.places == {} and found.problem == "geo.txt has no line for a photo of the source"
    assert read(tmp_path, "EPSG:4326\n2/a.jpg 2 48\n", ["1/a.jpg", "2/a.jpg"]).places == {"2/a.jpg": (48.0, 2.0, None)}


@pytest.mark.parametrize("text", ["", "a.jpg 2 48\n", "EPSG:3857\na.jpg 2 48\n", "EPSG:32661\na.jpg 2 48\n"])
def test_coordinates_that_are_not_read_are_told(text: str, tmp_path: Path) -> None:
    found = read(tmp_path, text)
    assert found == GeoFile(problem="geo.txt: its first line names no coordinates that are read")


@pytest.mark.parametrize(
    ("projection", "values"),
    [
        *[("EPSG:4326", values) for values in ("nan 48", "2 inf", "200 48", "2 100", "1e300 1e300")],
        *[("EPSG:32631", values) for values in ("nan 48", "1e9 48", "500000 1e9", "1e300 1e300")],
    ],
)
def test_values_that_are_no_place_are_no_place(projection: str, values: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"{projection}\na.jpg {values}\n").places == {}


def test_what_the_file_says_counts_and_is_told(tmp_path: Path) -> None:
    source = tmp_path / "capture"
    write_photos(source, 3)
    names = sorted(path.name for path in source.iterdir())
    (source / "geo.txt").write_text(f"EPSG:4326\n{names[0]} 2.5 48.5 100\n{names[1]} 2.6 48.6 101\n")
    ingested = Ingested(tmp_path, source)
    assert [image.gps for image in ingested.images] == [(48.5, 2.5, 100.0), (48.6, 2.6, 101.0), None]
    assert "2 placed by geo.txt" in ingested.output.message
