"""Cameras for a file's pixels and photos that were turned upright."""

from __future__ import annotations

import io

import numpy as np
import pycolmap
import pytest
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.dataset import DatasetImage, Original
from reconstruction_worker.ingest.decode import upright
from reconstruction_worker.poses.colmap_cameras import project
from reconstruction_worker.poses.provided.turned import PixelFrame, PixelFrames

WIDTH, HEIGHT = 60, 40
LENSES = {
    "PINHOLE": [55.0, 50.0, 31.0, 18.0],
    "SIMPLE_RADIAL": [52.0, 31.0, 18.0, 0.05],
    "OPENCV": [55.0, 50.0, 31.0, 18.0, 0.03, -0.01, 0.004, -0.006],
    "OPENCV_FISHEYE": [55.0, 50.0, 31.0, 18.0, 0.02, 0.01, 0.0, 0.0],
}


def photo(orientation: int, width: int = WIDTH, height: int = HEIGHT) -> DatasetImage:
    size = (height, width) if orientation >= 5 else (width, height)
    original = Original(name="p.jpg", width=width, height=height, sha256="0" * 64)
    return DatasetImage(
        name="p.jpg", file="p.jpg", width=size[0], height=size[1], original=original, orientation=orientation
    )


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_point_is_where_the_turned_picture_shows_it(orientation: int, lens: str) -> None:
    """Turned as Pillow turns the pixels themselves."""
    camera = pycolmap.Camera(model=lens, width=WIDTH, height=HEIGHT, params=LENSES[lens])
    frames = PixelFrames(PixelFrame.FILE)
    turn = frames.turn(photo(orientation), WIDTH, HEIGHT, "file", "where")
    assert turn is not None
    pose = np.eye(4)
    pose[:3, 3] = [0.1, -0.2, 0.3]
    for xyz in np.random.default_rng(0).uniform([-0.4, -0.3, 2], [0.5, 0.3, 3], (20, 3)):
        x, y = project(camera, (xyz - pose[:3, 3])[None])[0]
        picture = np.zeros((HEIGHT, WIDTH), np.uint8)
        picture[int(y), int(x)] = 255
        shown = np.asarray(upright(Image.fromarray(picture), orientation))
        row, column = np.argwhere(shown == 255)[0]
        turned = turn.pose(pose)
        found = project(turn.camera(camera), ((xyz - turned[:3, 3]) @ turned[:3, :3])[None])[0]
        assert (int(found[0]), int(found[1])) == (column, row)
        assert turn.pixels(np.array([[x, y]]), (WIDTH, HEIGHT))[0] == pytest.approx(found)
        assert np.linalg.det(turned[:3, :3]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("orientation", "size", "turned", "ambiguous"),
    [
        (1, (60, 40), False, False),
        (6, (60, 40), True, False),  # the file's
        (6, (40, 60), False, False),  # the upright picture's
        (6, (120, 80), True, False),  # another scale of the file's
        (3, (60, 40), True, True),
    ],
)
def test_width_and_height_tell_whose_pixels_a_camera_is_for(
    orientation: int, size: tuple[int, int], turned: bool, ambiguous: bool
) -> None:
    frames = PixelFrames(PixelFrame.FILE)
    assert (frames.turn(photo(orientation), *size, "file", "where") is not None) is turned
    assert frames.ambiguous is ambiguous


def test_what_is_assumed_decides_where_sizes_cannot() -> None:
    square = photo(6, 50, 50)
    assert PixelFrames(PixelFrame.FILE).turn(square, 50, 50, "file", "where") is not None
    assert PixelFrames(PixelFrame.UPRIGHT).turn(square, 50, 50, "file", "where") is None


def test_a_mirrored_photo_is_refused() -> None:
    with pytest.raises(ReconstructionError, match="mirrors"):
        PixelFrames(PixelFrame.FILE).turn(photo(5), WIDTH, HEIGHT, "file", "where")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_orientation_and_the_files_size_are_kept(form: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from reconstruction_worker.ingest.decode import decode
    from reconstruction_worker.ingest.limits import DEFAULT_LIMITS

    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), "red").save(stream, form, exif=exif)
    (tmp_path / "p").write_bytes(stream.getvalue())
    decoded = decode(tmp_path / "p", "p", DEFAULT_LIMITS)
    assert (decoded.orientation, decoded.width, decoded.height) == (6, WIDTH, HEIGHT)
    assert decoded.image.size == (HEIGHT, WIDTH)
