"""The undistorted pictures and depth maps of all posed photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path

from ..files import empty_folder
from ..ingest.dataset import DatasetImage
from .dataset_photos import read_mask, read_rgb
from .depth_scale import depth_of, write_depth
from .output import Pictures, World
from .posed_model import Shot
from .undistort import Undistorter


def write_pictures(
    workspace: Path,
    folder: Path,
    world: World,
    photos: Mapping[str, DatasetImage],
    depth_scale: float | None,
    written: Callable[[int], None],
) -> Pictures:
    """Write `folder/images` and, with `depth_scale` (units of the model in a metre), `folder/depth`; `photos` are by
    name. `written` receives how many there are so far, and may end it by raising. Photos of one camera follow each
    other: the maps of several hundred large cameras would not fit into memory."""
    empty_folder(folder / "images")
    if depth_scale is not None:
        empty_folder(folder / "depth")
    result = Pictures()
    written(0)
    for camera, shots in groupby(sorted(world.model.shots, key=_camera), _camera):
        undistorter = Undistorter(world.model.cameras[camera])
        result.pinholes[camera] = undistorter.pinhole
        for shot in shots:
            photo = photos[shot.name]
            mask = read_mask(workspace, photo) if world.masks.used else None
            path = folder / "images" / f"{photo.name.rpartition('.')[0]}.png"
            undistorter.write(read_rgb(workspace, photo), mask, path)
            result.files[shot.name] = path.relative_to(workspace).as_posix()
            distances = depth_of(workspace, photo) if depth_scale is not None else None
            if depth_scale is not None and distances is not None:
                path = folder / "depth" / path.name
                write_depth(distances, depth_scale * world.scale, mask, undistorter, path)
                result.depths[shot.name] = path.relative_to(workspace).as_posix()
            written(len(result.files))
        del undistorter  # before the next one is made
    return result


def _camera(shot: Shot) -> int:
    return shot.camera_id
