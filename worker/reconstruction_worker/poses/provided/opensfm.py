"""OpenSfM's and OpenDroneMap's `reconstruction.json`: for each shot an axis-angle rotation and a translation that lead
from the world to the camera (axes as in OpenCV), and focal lengths as shares of the longer side. With GPS the world is
east, north, up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from scipy.spatial.transform import Rotation

from ...ingest.dataset import Dataset
from ...ingest.pose_files import PoseFormat
from ...ingest.pose_tools import Tool, kept_as
from ...ingest.text_files import read_text
from .frames import Frame, from_frames, inverse, numbers, opengl
from .provided_poses import Provided
from .transforms import CLAIMED_DEGREES
from .turned import PixelFrames
from .validity import invalid, shown

FILE: Final = "reconstruction.json"
_PLAIN: Final = ("perspective", "simple_radial", "radial", "brown")
_FISHEYE: Final = ("fisheye", "fisheye_opencv")


def read_opensfm(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """The shots of the reconstruction that has the most of them. Raises InvalidPoses naming the shot."""
    try:
        parts = json.loads(read_text(folder / kept_as(Tool.OPENSFM)))
        part = max(parts, key=lambda each: len(each["shots"]))
        shots, cameras = dict(part["shots"]), dict(part["cameras"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise invalid(FILE, "it must be a list of reconstructions with 'cameras' and 'shots'.") from error
    frames: list[Frame] = []
    for name, shot in shots.items():
        if not isinstance(shot, dict) or shot.get("camera") not in cameras:
            raise invalid(FILE, f"shot {shown(name)} has no camera of the file.")
        rotation = Rotation.from_rotvec(numbers(shot.get("rotation"), 3, FILE, f"'rotation' of shot {shown(name)}"))
        translation = numbers(shot.get("translation"), 3, FILE, f"'translation' of shot {shown(name)}")
        pose = inverse(rotation.as_matrix(), translation)
        frames.append({"file_path": name, "transform_matrix": opengl(pose), **_camera(cameras[shot["camera"]])})
    return from_frames(PoseFormat.OPENSFM, FILE, frames, dataset, pixel_frames, CLAIMED_DEGREES)


def _camera(camera: Any) -> Frame:
    if not isinstance(camera, dict):
        raise invalid(FILE, "'cameras' must hold objects.")
    kind = camera.get("projection_type", "perspective")
    if kind not in _PLAIN + _FISHEYE:
        raise invalid(FILE, f"cameras of projection_type {shown(str(kind))} are not read.")

    def value(name: str, default: float = 0.0) -> float:
        return float(numbers([camera.get(name, default)], 1, FILE, f"'{name}' of a camera")[0])

    width, height = value("width"), value("height")
    longer = max(width, height)
    focal = value("focal_x", value("focal"))
    result: Frame = {
        "w": width, "h": height, "fl_x": focal * longer, "fl_y": value("focal_y", focal) * longer,
        "cx": width / 2 + value("c_x") * longer, "cy": height / 2 + value("c_y") * longer,
        "k1": value("k1"), "k2": value("k2"), "k3": value("k3"),
    }  # fmt: skip
    if kind in _FISHEYE:
        return {**result, "camera_model": "OPENCV_FISHEYE", "k4": value("k4")}
    return {**result, "p1": value("p1"), "p2": value("p2")}
