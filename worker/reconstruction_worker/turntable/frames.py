"""The frames as PNG files, one after the other; an interrupted run continues after the last whole one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    first one is needed. While a frame is written the next is rendered: at most one is lost by a kill."""
    (folder / FOLDER).mkdir(exist_ok=True)
    missing = [number for number in range(len(cameras)) if not is_whole(frame_file(folder, number), cameras[number])]
    if not missing:
        return 0
    seen, written = show(), Future[None]()
    written.set_result(None)
    with ThreadPoolExecutor(1) as pool:
        for count, number in enumerate(missing):
            picture = finish(seen(cameras[number]))
            written.result()
            advance(len(cameras) - len(missing) + count)
            written = pool.submit(_write, picture, frame_file(folder, number))
        written.result()
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
