"""RealityCapture's and RealityScan's "Internal/External camera parameters" as CSV: position, heading, pitch and roll in
degrees, and the lens. z is up.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from ...ingest.dataset import Dataset
from ...ingest.pose_files import PoseFormat
from ...ingest.pose_tools import Tool, kept_as
from ...ingest.text_files import read_text
from ..lookup import PhotoLookup
from .frames import Frame, from_frames, numbers
from .provided_poses import Provided
from .reality_capture_lens import lens
from .transforms import CLAIMED_DEGREES
from .turned import PixelFrames
from .validity import invalid

_NEEDED: Final = ("x", "y", "alt", "heading", "pitch", "roll", "f")


def read_reality_capture(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """Poses and intrinsics of each row. Raises InvalidPoses naming the row."""
    file = "the CSV of RealityCapture"
    try:
        lines = read_text(folder / kept_as(Tool.REALITY_CAPTURE)).splitlines()
    except UnicodeDecodeError as error:
        raise invalid(file, "it is not text.") from error
    rows = list(csv.DictReader([lines[0].lstrip("#").replace("z,", "alt,", 1) if lines else "", *lines[1:]]))
    lookup = PhotoLookup(dataset, file)
    frames: list[Frame] = []
    for number, row in enumerate(rows, start=2):
        named = {(key or "").strip().lower(): (value or "").strip() for key, value in row.items() if key}
        if missing := [key for key in ("name", *_NEEDED) if key not in named]:
            raise invalid(file, f"line {number} has no column '{missing[0]}'.")
        name = named["name"]
        if not name or not lookup.knows(name) or (photo := lookup.find(name, f"line {number}")) is None:
            continue
        values = dict(
            zip(_NEEDED, numbers([named[key] for key in _NEEDED], 7, file, f"line {number} ({name})"), strict=True)
        )
        rest = {
            key: float(numbers([named.get(key) or "0"], 1, file, f"line {number}: '{key}'")[0])
            for key in ("px", "py", "k1", "k2", "k3", "t1", "t2")
        }
        turn = Rotation.from_euler("ZXY", [-values["heading"], values["pitch"], values["roll"]], degrees=True)
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = turn.as_matrix(), [values["x"], values["y"], values["alt"]]
        frames.append(
            {
                "file_path": name,
                "transform_matrix": matrix.tolist(),
                **lens(
                    pixel_frames.size(photo),
                    values["f"],
                    (rest["px"], rest["py"]),
                    radial=(rest["k1"], rest["k2"], rest["k3"]),
                    tangential=(rest["t1"], rest["t2"]),
                ),
            }
        )
    return from_frames(PoseFormat.REALITY_CAPTURE, file, frames, dataset, pixel_frames, CLAIMED_DEGREES)
