"""Bundler's `bundle.out` (Snavely et al., 2006): for each photo of `list.txt` a focal length with two coefficients, and
rotation and translation from the world to a camera that looks along -z (axes as in OpenGL). The world is any.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from ...ingest.dataset import Dataset
from ...ingest.pose_files import PoseFormat
from ...ingest.pose_tools import BUNDLER_LIST, Tool, kept_as
from ...ingest.text_files import read_text
from ..lookup import PhotoLookup
from .frames import Frame, from_frames, inverse, numbers
from .provided_poses import NEVER, Provided
from .turned import PixelFrames
from .validity import invalid

FILE: Final = "bundle.out"
_AFTER_NAME: Final = re.compile(r"\s+0(\s+[-+\d.eE]+)?\s*$")
"""In a line of the list: a zero and a focal length. A name may have blanks in it."""


def read_bundler(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """The placed cameras; those with focal length 0 are not. Raises InvalidPoses naming the camera."""
    try:
        lines = [
            line for line in read_text(folder / kept_as(Tool.BUNDLER)).splitlines() if line and not line.startswith("#")
        ]
    except UnicodeDecodeError as error:
        raise invalid(FILE, "it is not text.") from error
    count = int(numbers(lines[0] if lines else "", 2, FILE, "the first line")[0])
    names = _names(folder, dataset, count)
    if not 0 < count <= (len(lines) - 1) // 5:
        raise invalid(FILE, f"it announces {count} cameras and has lines for {(len(lines) - 1) // 5}.")
    lookup, frames = PhotoLookup(dataset, FILE), []
    for index, name in enumerate(names):
        rows = lines[1 + 5 * index : 6 + 5 * index]
        focal, k1, k2 = numbers(rows[0], 3, FILE, f"camera {index}: focal length, k1 and k2")
        if focal == 0 or not lookup.knows(name) or (photo := lookup.find(name, f"camera {index}")) is None:
            continue
        rotation = np.stack([numbers(row, 3, FILE, f"camera {index}: a row of the rotation") for row in rows[1:4]])
        pose = inverse(rotation, numbers(rows[4], 3, FILE, f"camera {index}: the translation"))
        width, height = pixel_frames.size(photo)
        frame: Frame = {
            "file_path": name, "transform_matrix": pose.tolist(), "w": width, "h": height,
            "fl_x": float(focal), "fl_y": float(focal), "k1": float(k1), "k2": float(k2),
        }  # fmt: skip
        frames.append(frame)
    return from_frames(PoseFormat.BUNDLER, FILE, frames, dataset, pixel_frames, NEVER)


def _names(folder: Path, dataset: Dataset, count: int) -> list[str]:
    """Of the photos in the order of the cameras: those of the list beside the file, else all by name."""
    if (folder / BUNDLER_LIST).is_file():
        lines = read_text(folder / BUNDLER_LIST, "replace").splitlines()
        listed = [_AFTER_NAME.sub("", line).strip() for line in lines if line.strip()]
    else:
        listed = sorted({image.original.name for image in dataset.images} | {item.name for item in dataset.dropped})
    if len(listed) != count:
        raise invalid(FILE, f"it has {count} cameras for {len(listed)} photos; put its list.txt beside it.")
    return listed
