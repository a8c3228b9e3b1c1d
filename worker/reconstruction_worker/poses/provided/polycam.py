"""Polycam's raw export: a JSON file for each photo with its intrinsics and the camera-to-world matrix of ARKit (axes as
in OpenGL, y up, metres), in `keyframes/cameras` or, after the app's own adjustment, in `keyframes/corrected_cameras`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from ...ingest.dataset import Dataset
from ...ingest.pose_files import POLYCAM_PREFIX, PoseFormat
from ..lookup import PhotoLookup
from .provided_poses import ALWAYS, Provided, ShotList
from .transforms import AXES, add_frames, parse
from .turned import PixelFrames
from .validity import check_parallax

_INTRINSICS: Final = {"fx": "fl_x", "fy": "fl_y", "cx": "cx", "cy": "cy", "width": "w", "height": "h"}
_ROWS: Final = (2, 0, 1)
"""Of the world with y up that become x, y and z of one with z up."""


def read_polycam(folder: Path, dataset: Dataset, frames: PixelFrames) -> Provided:
    """The photos that have a file, with its pose and intrinsics. Raises InvalidPoses naming the file."""
    shots = ShotList()
    lookup = PhotoLookup(dataset, "cameras")
    names = sorted(path.name for path in folder.iterdir() if path.name.startswith(POLYCAM_PREFIX))
    for name in names:
        stem = PurePosixPath(name).stem.removeprefix(POLYCAM_PREFIX)
        if not lookup.knows(stem):
            continue  # the app leaves out photos that it found blurred, and keeps their poses
        frame = _frame(parse(folder / name), stem)
        add_frames({"frames": [frame]}, name.removeprefix(POLYCAM_PREFIX), lookup, shots, frames)
    model = shots.model()
    positions = np.array([shot.world_from_camera[:3, 3] for shot in model.shots])
    check_parallax(positions, len(dataset.images), "cameras", AXES)
    return Provided(PoseFormat.POLYCAM, "cameras", model, z_up_within_degrees=ALWAYS, axes=AXES, metres_per_unit=1.0)


def _frame(document: Mapping[str, Any], stem: str) -> dict[str, Any]:
    """The same as a frame of transforms.json; what is missing is told as missing there."""
    matrix = [[document.get(f"t_{row}{column}") for column in range(4)] for row in _ROWS]
    intrinsics = {ours: document[theirs] for theirs, ours in _INTRINSICS.items() if theirs in document}
    return {"file_path": stem, "transform_matrix": [*matrix, [0, 0, 0, 1]], **intrinsics}
