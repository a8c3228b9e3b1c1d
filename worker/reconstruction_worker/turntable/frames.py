"""The frames as PNG files, one after the other; an interrupted run continues after the last whole one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from ..geometry.render import Picture
from ..geometry.rendering import Camera
from .showing import Show

FOLDER: Final = "frames"
_COMPRESSION: Final = 3


def frame_file(folder: Path, number: int) -> Path:
    """Frames count from 0."""
    return folder / FOLDER / f"{number:05d}.png"


def render_frames(
    cameras: Sequence[Camera],
    show: Callable[[], Show],
    finish: Callable[[Picture], Picture],
    folder: Path,
    advance: Callable[[int], None],
) -> int:
    """Write the frames that are not there, whole, and return how many those are. `show` makes the renderer when the
    first one is needed. A frame is written before the next is begun: a kill loses at most the one at hand."""
    (folder / FOLDER).mkdir(exist_ok=True)
    missing = [number for number in range(len(cameras)) if not is_whole(frame_file(folder, number), cameras[number])]
    if not missing:
        return 0
    seen = show()
    for count, number in enumerate(missing):
        advance(len(cameras) - len(missing) + count)
        _write(finish(seen(cameras[number])), frame_file(folder, number))
    return len(missing)


def is_whole(file: Path, camera: Camera) -> bool:
    """Whether a frame is there, of the camera's size, with every byte as it was written (PNG has checksums)."""
    try:
        with Image.open(file) as image:
            size = image.size
            image.verify()
    except (OSError, SyntaxError):
        return False
    return size == (camera.width, camera.height)


def _write(picture: Picture, file: Path) -> None:
    part = file.with_suffix(".part")
    Image.fromarray(picture).save(part, "PNG", compress_level=_COMPRESSION)
    part.replace(file)
