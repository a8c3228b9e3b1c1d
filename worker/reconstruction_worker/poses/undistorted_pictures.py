"""The undistorted pictures and depth maps of all posed photos."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from ..cpus import available_cpus
from ..files import empty_folder
from ..ingest.dataset import DatasetImage
from .dataset_photos import read_mask, read_rgb
from .depth_scale import depth_of, write_depth
from .output import Pictures, World
from .posed_model import Shot
from .undistort import Undistorter

MOST_AT_ONCE: Final = 4
"""Photos, each with its camera's map."""


@dataclass(frozen=True)
class _Written:
    """Files of a photo, below the workspace."""

    name: str
    picture: str
    depth: str | None


def write_pictures(
    workspace: Path,
    folder: Path,
    world: World,
    photos: Mapping[str, DatasetImage],
    depth_scale: float | None,
    written: Callable[[int], None],
) -> Pictures:
    """Write `folder/images` and, with `depth_scale` (units of the model in a metre), `folder/depth`; `photos` are by
    name. `written` receives how many there are so far, and may end it by raising. Some are worked on at a time, and
    photos of one camera follow each other: the maps of several hundred large cameras would not fit into memory."""
    empty_folder(folder / "images")
    if depth_scale is not None:
        empty_folder(folder / "depth")
    result = Pictures()
    written(0)

    def write(undistorter: Undistorter, shot: Shot) -> _Written:
        photo = photos[shot.name]
        mask = read_mask(workspace, photo) if world.masks.used else None
        path = folder / "images" / f"{photo.name.rpartition('.')[0]}.png"
        undistorter.write(read_rgb(workspace, photo), mask, path)
        distances = depth_of(workspace, photo) if depth_scale is not None else None
        if depth_scale is None or distances is None:
            return _Written(shot.name, path.relative_to(workspace).as_posix(), None)
        depth = folder / "depth" / path.name
        write_depth(distances, depth_scale * world.scale, mask, undistorter, depth)
        return _Written(shot.name, path.relative_to(workspace).as_posix(), depth.relative_to(workspace).as_posix())

    def tasks() -> Iterator[tuple[Undistorter, Shot]]:
        for camera, shots in groupby(sorted(world.model.shots, key=_camera), _camera):
            undistorter = Undistorter(world.model.cameras[camera])
            result.pinholes[camera] = undistorter.pinhole
            for shot in shots:
                yield undistorter, shot

    def take(done: _Written) -> None:
        result.files[done.name] = done.picture
        if done.depth is not None:
            result.depths[done.name] = done.depth
        written(len(result.files))

    at_once = min(available_cpus(), MOST_AT_ONCE)
    with ThreadPoolExecutor(at_once) as pool:
        waiting = deque[Future[_Written]]()
        try:
            for task in tasks():
                waiting.append(pool.submit(write, *task))
                if len(waiting) > at_once:  # no camera's map is kept for long
                    take(waiting.popleft().result())
            while waiting:
                take(waiting.popleft().result())
        finally:
            pool.shutdown(cancel_futures=True)
    return result


def _camera(shot: Shot) -> int:
    return shot.camera_id
