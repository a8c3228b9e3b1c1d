"""VisualSFM's `.nvm` (http://ccwu.me/vsfm/doc.html#nvm): for each photo of the first model its name, focal length, a
quaternion (w, x, y, z) from the world to the camera (axes as in OpenCV), the camera's centre and one coefficient of
distortion, which is that of the measured positions: the negative of the usual one, to first order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from ...ingest.dataset import Dataset
from ...ingest.pose_files import PoseFormat
from ...ingest.pose_tools import Tool, kept_as
from ...ingest.text_files import read_text
from ..lookup import PhotoLookup
from .frames import Frame, from_frames, numbers, opengl
from .provided_poses import NEVER, Provided
from .turned import PixelFrames
from .validity import invalid, shown

FILE: Final = "the .nvm file"
_NUMBERS: Final = 10
"""After a photo's name, which may have blanks in it."""


def read_visualsfm(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """The photos of the first model. Raises InvalidPoses naming the line."""
    try:
        lines = [line.strip() for line in read_text(folder / kept_as(Tool.VISUALSFM)).splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
    except UnicodeDecodeError as error:
        raise invalid(FILE, "it is not text.") from error
    count = int(numbers(lines[1] if len(lines) > 1 else "", 1, FILE, "the number of photos")[0])
    if not 0 < count <= len(lines) - 2:
        raise invalid(FILE, f"it announces {count} photos and has {max(len(lines) - 2, 0)} more lines.")
    lookup, frames = PhotoLookup(dataset, FILE), []
    for line in lines[2 : 2 + count]:
        name, *rest = line.rsplit(maxsplit=_NUMBERS)
        name = name.replace('"', " ").strip()
        if not lookup.knows(name) or (photo := lookup.find(name, shown(name))) is None:
            continue
        values = numbers(" ".join(rest[:9]), 9, FILE, f"the camera of {shown(name)}")
        if not 0.9 < np.linalg.norm(values[1:5]) < 1.1:
            raise invalid(FILE, f"the camera of {shown(name)} has no unit quaternion.")
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_quat(values[1:5], scalar_first=True).as_matrix().T
        pose[:3, 3] = values[5:8]
        width, height = pixel_frames.size(photo)
        focal = float(values[0])
        frame: Frame = {
            "file_path": name, "transform_matrix": opengl(pose), "w": width, "h": height,
            "fl_x": focal, "fl_y": focal, "k1": -float(values[8]),
        }  # fmt: skip
        frames.append(frame)
    return from_frames(PoseFormat.VISUALSFM, FILE, frames, dataset, pixel_frames, NEVER)
