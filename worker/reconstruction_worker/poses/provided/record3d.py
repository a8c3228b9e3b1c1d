"""Record3D's `.r3d` and its unpacked folder: `metadata` is JSON with one camera matrix for all photos, column by
column, and for photo `rgbd/N.jpg` the N-th pose: a quaternion (x, y, z, w) and a position of ARKit's camera (axes as in
OpenGL, y up, metres).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from ...ingest.dataset import Dataset
from ...ingest.pose_files import PoseFormat
from ...ingest.pose_tools import Tool, kept_as
from .frames import Frame, from_frames, numbers
from .provided_poses import ALWAYS, Provided
from .transforms import parse
from .turned import PixelFrames
from .validity import invalid

FILE: Final = "metadata"
_Z_FROM_Y_UP: Final = np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def read_record3d(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """Poses, the focal length and metres. Raises InvalidPoses naming the pose."""
    document = parse(folder / kept_as(Tool.RECORD3D))
    poses = document.get("poses")
    if not isinstance(poses, list) or not poses:
        raise invalid(FILE, "'poses' must be a list with seven numbers for each photo.")
    camera = numbers(document.get("K"), 9, FILE, "'K'").reshape(3, 3).T
    width, height = (float(numbers([document.get(key)], 1, FILE, f"'{key}'")[0]) for key in ("w", "h"))
    intrinsics = {"fl_x": camera[0, 0], "fl_y": camera[1, 1], "cx": camera[0, 2], "cy": camera[1, 2]}
    if not 0 < intrinsics["cx"] < width or not 0 < intrinsics["cy"] < height:
        intrinsics |= {"cx": width / 2, "cy": height / 2}
    frames: list[Frame] = []
    for index, pose in enumerate(poses):
        values = numbers(pose, 7, FILE, f"poses[{index}]")
        if not 0.9 < np.linalg.norm(values[:4]) < 1.1:
            raise invalid(FILE, f"poses[{index}] begins with no unit quaternion (x, y, z, w).")
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = Rotation.from_quat(values[:4]).as_matrix(), values[4:]
        path = f"rgbd/{index}.jpg"
        frames.append(
            {"file_path": path, "transform_matrix": (_Z_FROM_Y_UP @ matrix).tolist(), "w": width, "h": height}
            | {key: float(value) for key, value in intrinsics.items()}
        )
    return from_frames(PoseFormat.RECORD3D, FILE, frames, dataset, pixel_frames, ALWAYS, 1.0)
