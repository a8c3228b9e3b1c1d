"""Meshroom's (AliceVision's) `.sfm` files, JSON whose numbers are text: views, intrinsics, and poses by a
camera-from-world rotation, column by column, and a centre (axes as in OpenCV).

Intrinsics by version (AliceVision, `sfmDataIO/jsonIO.cpp`): until 1.2.0 the principal point is from the corner, since
then from the centre of the photo; focal lengths are pixels until 1.2.1, since then millimetres of a sensor's width with
a `pixelRatio`, that before 1.2.5 was the ratio of the focal lengths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...ingest.dataset import Dataset
from ...ingest.pose_files import PoseFormat
from ...ingest.pose_tools import Tool, kept_as
from ...ingest.text_files import read_text
from .frames import Frame, from_frames, inverse, numbers, opengl
from .provided_poses import NEVER, Provided
from .turned import PixelFrames
from .validity import invalid, shown

FILE: Final = "the .sfm of Meshroom"
_COEFFICIENTS: Final = {
    "none": (),
    "radialk1": ("k1",),
    "radialk3": ("k1", "k2", "k3"),
    "brown": ("k1", "k2", "k3", "p1", "p2"),
    "fisheye4": ("k1", "k2", "k3", "k4"),
}
_DISTORTION_BY_TYPE: Final = {"radial1": "radialk1", "radial3": "radialk3", "brown": "brown", "fisheye4": "fisheye4"}
"""Before 1.2.6 the type of a camera says how it distorts."""


def read_meshroom(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """The views that have a pose. Raises InvalidPoses naming the view or the camera."""
    try:
        document = json.loads(read_text(folder / kept_as(Tool.MESHROOM)))
        version = tuple(int(part) for part in document["version"])
        views = list(document["views"])
        cameras = {str(each["intrinsicId"]): each for each in document["intrinsics"]}
        poses = {str(each["poseId"]): each["pose"]["transform"] for each in document.get("poses") or []}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise invalid(FILE, "it must hold 'version', 'views', 'intrinsics' and 'poses'.") from error
    frames: list[Frame] = []
    for view in views:
        if not isinstance(view, dict) or not isinstance(path := view.get("path"), str) or not path:
            raise invalid(FILE, "'views' must be objects with a 'path'.")
        transform, camera = poses.get(str(view.get("poseId"))), cameras.get(str(view.get("intrinsicId")))
        if transform is None:
            continue  # not reconstructed
        if camera is None or not isinstance(transform, dict):
            raise invalid(FILE, f"view {shown(path)} has no camera or no pose of the file.")
        columns = numbers(transform.get("rotation"), 9, FILE, f"'rotation' of view {shown(path)}").reshape(3, 3)
        centre = numbers(transform.get("center"), 3, FILE, f"'center' of view {shown(path)}")
        pose = inverse(columns.T, -columns.T @ centre)
        frames.append({"file_path": path, "transform_matrix": opengl(pose), **_camera(camera, version)})
    if not frames:
        raise invalid(FILE, "it holds no view with a pose.")
    return from_frames(PoseFormat.MESHROOM, FILE, frames, dataset, pixel_frames, NEVER)


def _camera(camera: Mapping[str, Any], version: tuple[int, ...]) -> Frame:
    """Intrinsics as in transforms.json, in pixels."""

    def values(name: str, count: int) -> np.ndarray:
        given = camera.get(name)
        return numbers([given] if count == 1 else given, count, FILE, f"'{name}' of a camera")

    width, height = float(values("width", 1)[0]), float(values("height", 1)[0])
    centre = values("principalPoint", 2)
    if version >= (1, 2, 1):
        centre = centre + np.array([width, height]) / 2
    if version < (1, 2, 0):
        focal = np.repeat(values("pxFocalLength", 1), 2)
    elif version < (1, 2, 2):
        focal = values("pxFocalLength", 2)
    else:
        x = values("focalLength", 1)[0] / values("sensorWidth", 1)[0] * width
        ratio = values("pixelRatio", 1)[0] if "pixelRatio" in camera else 1.0
        focal = np.array([x, x * ratio if version >= (1, 2, 5) else x / ratio])
    result: Frame = {"w": width, "h": height, "fl_x": focal[0], "fl_y": focal[1], "cx": centre[0], "cy": centre[1]}
    kind = _distortion(camera)
    names = _COEFFICIENTS[kind]
    if kind == "fisheye4":
        result["camera_model"] = "OPENCV_FISHEYE"
    if names:
        result |= dict(zip(names, values("distortionParams", len(names)), strict=True))
    return result


def _distortion(camera: Mapping[str, Any]) -> str:
    kind, form = str(camera.get("type")), camera.get("distortionType")
    known = _DISTORTION_BY_TYPE.get(kind, "none") if form is None else str(form)
    if (kind not in _DISTORTION_BY_TYPE and kind != "pinhole") or known not in _COEFFICIENTS:
        lens = kind if known in _COEFFICIENTS else f"{kind} with {known}"
        raise invalid(FILE, f"cameras of type {shown(lens)} are not read.")
    return known
