"""What drones write into a photo of where it was taken, how exactly, and how the camera was held."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from reconstruction_worker.ingest.flight_data import Gimbal, deviation, gimbal
from reconstruction_worker.ingest.metadata import camera_data

from .photos import Ingested, write_photos

ERROR = ExifTags.GPS.GPSHPositioningError


def dji(**values: Any) -> bytes:
    """As DJI's drones write it: attributes of one element."""
    told = "\n".join(f'   drone-dji:{name}="{value}"' for name, value in values.items())
    return (
        '<?xpacket begin="\ufeff"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"\n{told}/></rdf:RDF></x:xmpmeta>'
    ).encode()


RTK = {"RtkFlag": 50, "RtkStdLon": "0.01142", "RtkStdLat": "0.01229", "RtkStdHgt": "0.02454"}


def test_the_accuracy_of_a_receiver_with_corrections_is_read() -> None:
    assert deviation(dji(**RTK), {}) == (0.01142, 0.01229, 0.02454)


def test_elements_are_read_as_attributes_are() -> None:
    xmp = b"<Camera:GPSXYAccuracy>0.03</Camera:GPSXYAccuracy><Camera:GPSZAccuracy>0.05</Camera:GPSZAccuracy>"
    assert deviation(xmp, {}) == (0.03, 0.03, 0.05)


@pytest.mark.parametrize("value", [4.5, (9, 2)])
def test_phones_tell_an_error_along_the_ground(value: Any) -> None:
    error = value if isinstance(value, float) else value[0] / value[1]
    assert deviation(b"", {ERROR: error}) == (4.5, 4.5, 9.0)


@pytest.mark.parametrize(
    "xmp",
    [
        b"",
        b"\xff\xfe damaged",
        dji(RtkStdLon=0, RtkStdLat=0, RtkStdHgt=0),
        dji(RtkStdLon="nan", RtkStdLat="-"),
        dji(**{**RTK, "RtkFlag": 0}),
    ],
    ids=["none", "damaged", "zeros", "no numbers", "no position"],
)
def test_no_accuracy_is_made_up(xmp: bytes) -> None:
    assert deviation(xmp, {}) is None


def test_long_xmp_is_read_in_no_time() -> None:
    """Editors keep whole thumbnails there."""
    started = time.process_time()
    assert deviation(b"a" * 3_000_000 + dji(**RTK), {}) is not None
    assert gimbal(b": " * 1_000_000) is None
    assert time.process_time() - started < 2


def test_how_a_gimbal_held_the_camera_is_read() -> None:
    told = dji(GimbalYawDegree="+12.30", GimbalPitchDegree="-89.90", GimbalRollDegree="+0.00", FlightYawDegree="+77")
    assert gimbal(told) == Gimbal(12.3, -89.9, 0.0)
    assert gimbal(dji(GimbalPitchDegree="-89.90")) is None
    assert gimbal(dji(FlightPitchDegree="-3", FlightRollDegree="1")) is None


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_xmp_is_found_in_every_kind_of_file(form: str) -> None:
    written = io.BytesIO()
    picture, told = Image.new("RGB", (16, 12)), dji(**RTK, GimbalPitchDegree=-45, GimbalRollDegree=0)
    if form == "TIFF":
        picture.save(written, form, tiffinfo={700: told})
    elif form == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", told.decode())
        picture.save(written, form, pnginfo=info)
    else:
        picture.save(written, form, xmp=told)
    with Image.open(written) as image:
        found = camera_data(image)
    assert found.gps_deviation == (0.01142, 0.01229, 0.02454)
    assert found.gimbal == Gimbal(None, -45, 0)


def test_both_are_in_the_data_set(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_photos(source, 4)
    for index, path in enumerate(sorted(source.iterdir())):
        with Image.open(path) as image:
            picture = image.convert("RGB")
        path.unlink()
        told = dji(**RTK, GimbalYawDegree=10 * index, GimbalPitchDegree=-60, GimbalRollDegree=0)
        picture.save(path.with_suffix(".jpg"), quality=95, xmp=told)
    (source / "geo.txt").write_text(f"EPSG:4326\n{sorted(source.iterdir())[1].name} 2 48 7 0 0 0 0.5 1.5\n")
    images = Ingested(tmp_path, source).images
    exact = (0.01142, 0.01229, 0.02454)
    assert [image.gps_deviation for image in images] == [exact, (0.5, 0.5, 1.5), exact, exact]
    assert [image.gimbal.yaw for image in images if image.gimbal] == [0, 10, 20, 30]
