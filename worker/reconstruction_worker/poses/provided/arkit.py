"""3D Scanner App's export of all data: beside `frame_N.jpg` a `frame_N.json` with ARKit's camera-to-world matrix
(by rows, axes as in OpenGL, y up, metres) and the camera matrix (by rows, in pixels of the photo).
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from ...ingest.dataset import Dataset
from ...ingest.pose_files import ARKIT_PREFIX, PoseFormat, sidecar_of
from ..lookup import PhotoLookup
from .frames import Frame, from_frames, numbers
from .provided_poses import ALWAYS, Provided
from .transforms import parse
from .turned import PixelFrames
from .validity import invalid

FILE: Final = "the files of 3D Scanner App"
_Z_FROM_Y_UP: Final = np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def read_arkit(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """Poses and intrinsics of the photos that have a file; the app writes one for frames without a photo too. Raises
    InvalidPoses naming the file."""
    lookup = PhotoLookup(dataset, FILE)
    frames: list[Frame] = []
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(ARKIT_PREFIX):
            continue
        name = sidecar_of(path.name)
        photo = str(PurePosixPath(name).with_suffix(""))
        if lookup.knows(photo) and (found := lookup.find(photo, name)) is not None:
            frames.append({"file_path": photo, **_frame(parse(path), name, pixel_frames.size(found))})
    if not frames:
        raise invalid(FILE, "none of them has a photo of its name.")
    return from_frames(PoseFormat.ARKIT, FILE, frames, dataset, pixel_frames, ALWAYS, 1.0)


def _frame(document: dict[str, Any], name: str, size: tuple[int, int]) -> Frame:
    pose = numbers(document.get("cameraPoseARFrame"), 16, name, "'cameraPoseARFrame'").reshape(4, 4)
    camera = numbers(document.get("intrinsics"), 9, name, "'intrinsics'").reshape(3, 3)
    return {
        "transform_matrix": (_Z_FROM_Y_UP @ pose).tolist(), "w": size[0], "h": size[1],
        "fl_x": float(camera[0, 0]), "fl_y": float(camera[1, 1]), "cx": float(camera[0, 2]), "cy": float(camera[1, 2]),
    }  # fmt: skip
