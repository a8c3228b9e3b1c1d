"""`transforms.json` as nerfstudio and instant-ngp write it: intrinsics for all photos or in each frame, and
camera-to-world matrices with OpenGL axes (x right, y up, z backward) in a world with z up. That z is up is a custom:
what `ns-process-data` writes is COLMAP's own world with other names for its axes. So the cameras count too.

Fields that only concern their own training (`aabb_scale`, `scale`, `offset`, `applied_transform`, `sharpness` ...) are
ignored: the scene is normalised again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ...geometry.axes import OPENCV_FROM_OPENGL
from ...ingest.dataset import Dataset, DatasetImage
from ...ingest.pose_files import TRANSFORMS, PoseFormat
from ...ingest.text_files import read_text
from ..lookup import PhotoLookup
from .provided_poses import Provided, Share, ShotList
from .turned import PixelFrames, Turn
from .validity import (
    as_number,
    check_centre,
    check_focal,
    check_parallax,
    check_rays,
    check_size,
    invalid,
    rigid,
    shown,
)

AXES: Final = "camera-to-world with x right, y up, z backward"
CLAIMED_DEGREES: Final = 25.0
"""How far the cameras' up may be from z before z is not believed to be up."""
COLMAP_DEGREES: Final = 3.0
"""The same where `applied_transform` says that the poses are from `ns-process-data`."""
MODELS: Final = {
    "SIMPLE_PINHOLE": ("k1", "k2", "p1", "p2", "k3"),
    "PINHOLE": ("k1", "k2", "p1", "p2", "k3"),
    "SIMPLE_RADIAL": ("k1", "k2", "p1", "p2", "k3"),
    "RADIAL": ("k1", "k2", "p1", "p2", "k3"),
    "OPENCV": ("k1", "k2", "p1", "p2", "k3"),
    "OPENCV_FISHEYE": ("k1", "k2", "k3", "k4"),
}
"""Camera models and the distortion coefficients they use; an absent coefficient is 0. Like nerfstudio, the models
without a fisheye lens all heed the coefficients that are there."""
_SPLITS: Final = {"train_filenames": Share.TRAIN, "val_filenames": Share.EVAL, "test_filenames": Share.EVAL}


def read_transforms(folder: Path, dataset: Dataset, frames: PixelFrames) -> Provided:
    """The photos that have a frame, with its pose and intrinsics. Raises InvalidPoses naming the frame."""
    document = parse(folder / TRANSFORMS)
    shots = ShotList()
    by_frame = add_frames(document, TRANSFORMS, PhotoLookup(dataset, TRANSFORMS), shots, frames)
    model = shots.model()
    check_parallax(
        np.array([shot.world_from_camera[:3, 3] for shot in model.shots]), len(dataset.images), TRANSFORMS, AXES
    )
    shares = _shares(document, by_frame)
    within = COLMAP_DEGREES if "applied_transform" in document else CLAIMED_DEGREES
    return Provided(PoseFormat.TRANSFORMS, TRANSFORMS, model, z_up_within_degrees=within, axes=AXES, shares=shares)


def parse(path: Path) -> dict[str, Any]:
    """The document. Raises InvalidPoses."""
    try:
        document = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, numbers of thousands of digits, or too deep
        reason = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise invalid(path.name, f"it is not valid JSON{reason}.") from error
    if not isinstance(document, dict):
        raise invalid(path.name, "it must be a JSON object with a list 'frames'.")
    return document


def add_frames(
    document: dict[str, Any], file: str, lookup: PhotoLookup, shots: ShotList, frames: PixelFrames
) -> dict[str, str]:
    """Enter all frames of a document into `shots`; the photos' names by `file_path`. Frames of photos that ingest left
    out are skipped. Raises InvalidPoses."""
    result: dict[str, str] = {}
    shared = {key: value for key, value in document.items() if key != "frames"}
    for index, frame in enumerate(_frames(document, file)):
        where = f"frames[{index}] ({shown(frame['file_path'])})"
        photo = lookup.find(frame["file_path"], where)
        if photo is None:
            continue
        if photo.name in shots:
            raise invalid(file, f"{where} names {photo.original.name}, which has a pose already.")
        pose = _pose(frame.get("transform_matrix"), file, where)
        camera, turn = _camera({**shared, **frame}, photo, file, where, frames)
        shots.add(photo.name, camera, turn.pose(pose) if turn else pose)
        result[frame["file_path"]] = photo.name
    return result


def _frames(document: dict[str, Any], file: str) -> list[dict[str, Any]]:
    frames = document.get("frames")
    if not isinstance(frames, list) or not frames:
        raise invalid(file, "'frames' must be a list with an entry for each photo.")
    for index, frame in enumerate(frames):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str) or not frame["file_path"]:
            raise invalid(file, f"frames[{index}] has no 'file_path'.")
    return frames


def _shares(document: Mapping[str, Any], by_frame: Mapping[str, str]) -> dict[str, Share]:
    """nerfstudio's own division of the photos: lists of `file_path`. Raises InvalidPoses for a list that is none."""
    shares: dict[str, Share] = {}
    for key, share in _SPLITS.items():
        listed = document.get(key, [])
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise invalid(TRANSFORMS, f"'{key}' must be a list of file paths.")
        shares.update({by_frame[name]: share for name in listed if name in by_frame})
    if not shares:
        return {}
    return {name: shares.get(name, Share.UNUSED) for name in by_frame.values()}


def _pose(value: Any, file: str, where: str) -> NDArray[np.float64]:
    """World-from-camera matrix [4, 4] with OpenCV axes, exactly rigid."""
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        matrix = np.zeros(0)
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, [0, 0, 0, 1]])
    if matrix.shape != (4, 4):
        raise invalid(file, f"{where}: 'transform_matrix' must be 4 rows of 4 numbers.")
    return rigid(matrix, file, where, "'transform_matrix'") @ OPENCV_FROM_OPENGL


def _camera(
    fields: dict[str, Any], photo: DatasetImage, file: str, where: str, frames: PixelFrames
) -> tuple[pycolmap.Camera, Turn | None]:
    """The frame's camera for the photo as it is stored (ingest may have made it smaller and turned it)."""

    def number(key: str, default: float | None = None) -> float:
        return as_number(fields.get(key, default), file, f"{where}: '{key}'")

    fisheye = fields.get("is_fisheye") is True  # instant-ngp's way to say it
    name = str(fields.get("camera_model", "OPENCV_FISHEYE" if fisheye else "OPENCV")).upper()
    if name not in MODELS:
        raise invalid(file, f"{where}: camera_model {shown(name)} is not one of {', '.join(sorted(MODELS))}.")
    size = frames.size(photo)
    width, height = number("w", float(size[0])), number("h", float(size[1]))
    check_size(width, height, photo, file, where)
    turn = frames.turn(photo, width, height, file, where)
    stored = turn.before(photo.width, photo.height) if turn else (photo.width, photo.height)
    focal_x, focal_y = _focal_lengths(fields, width, height, file, where)
    centre_x, centre_y = number("cx", width / 2), number("cy", height / 2)
    check_centre(centre_x, centre_y, width, height, file, where)
    scale_x, scale_y = stored[0] / width, stored[1] / height
    pinhole = [focal_x * scale_x, focal_y * scale_y, centre_x * scale_x, centre_y * scale_y]
    distortion = [number(key, 0.0) for key in MODELS[name]]
    camera = _with_distortion(name, pinhole, distortion, stored)
    check_rays(camera, file, where)
    return (turn.camera(camera) if turn else camera), turn


def _with_distortion(
    name: str, pinhole: list[float], distortion: Sequence[float], size: tuple[int, int]
) -> pycolmap.Camera:
    """COLMAP's camera with the fewest parameters that holds these (its OPENCV has no k3, its FULL_OPENCV has)."""
    model, params = "PINHOLE", pinhole
    if name == "OPENCV_FISHEYE":
        model, params = name, [*pinhole, *distortion]
    elif any(distortion):
        k1, k2, p1, p2, k3 = distortion
        model, params = "OPENCV", [*pinhole, k1, k2, p1, p2]
        if k3:
            model, params = "FULL_OPENCV", [*params, k3, 0.0, 0.0, 0.0]
    return pycolmap.Camera(model=model, width=size[0], height=size[1], params=params)


def _focal_lengths(fields: dict[str, Any], width: float, height: float, file: str, where: str) -> tuple[float, float]:
    """In pixels of the frame's own size, from `fl_x` and `fl_y` or from the angles of view `camera_angle_x` and
    `camera_angle_y` (radians); what is missing vertically is as horizontally."""
    horizontal = _focal_length(fields, "x", width, file, where)
    if horizontal is None:
        raise invalid(file, f"{where} has no focal length: neither 'fl_x' nor 'camera_angle_x' is given.")
    # Of an angle that was written for another purpose than the focal length, instant-ngp's y is the usual one.
    vertical = _focal_length(fields, "y", height, file, where) or horizontal
    for key, focal in (("fl_x", horizontal), ("fl_y", vertical)):
        check_focal(focal, f"'{key}'", width, height, file, where)
    return horizontal, vertical


def _focal_length(fields: dict[str, Any], axis: str, side: float, file: str, where: str) -> float | None:
    if f"fl_{axis}" in fields:
        return as_number(fields[f"fl_{axis}"], file, f"{where}: 'fl_{axis}'")
    key = f"camera_angle_{axis}"
    if key not in fields or (axis == "y" and "fl_x" in fields):
        return None
    angle = as_number(fields[key], file, f"{where}: '{key}'")
    if not 0 < angle < math.pi:
        raise invalid(file, f"{where}: '{key}' must be between 0 and pi radians, not {angle:g}.")
    return side / 2 / math.tan(angle / 2)
