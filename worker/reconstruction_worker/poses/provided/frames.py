"""Poses of other tools as frames of a `transforms.json`, so that what is checked there is checked for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...geometry.axes import OPENGL_FROM_OPENCV
from ...ingest.dataset import Dataset
from ...ingest.pose_files import PoseFormat
from ..lookup import PhotoLookup
from .provided_poses import Provided, ShotList
from .transforms import AXES, add_frames
from .turned import PixelFrames
from .validity import check_parallax, invalid

Frame = dict[str, Any]
"""As in transforms.json: `file_path`, `transform_matrix` (camera-to-world, OpenGL axes), intrinsics."""


def opengl(world_from_camera: NDArray[np.float64]) -> list[list[float]]:
    """A matrix [4, 4] with OpenCV axes, as frames hold it."""
    return (world_from_camera @ OPENGL_FROM_OPENCV).tolist()


def inverse(rotation: NDArray[np.float64], translation: NDArray[np.float64]) -> NDArray[np.float64]:
    """World-from-camera [4, 4] from a camera-from-world rotation [3, 3] and translation [3]."""
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = rotation.T, -rotation.T @ translation
    return result


def from_frames(
    form: PoseFormat,
    file: str,
    frames: Sequence[Frame],
    dataset: Dataset,
    pixel_frames: PixelFrames,
    z_up_within_degrees: float,
    metres_per_unit: float | None = None,
) -> Provided:
    """Poses from frames; those of photos that are not in the source are left out. Raises InvalidPoses."""
    lookup, shots = PhotoLookup(dataset, file), ShotList()
    wanted = [frame for frame in frames if lookup.knows(frame["file_path"])]
    if not wanted:
        raise invalid(file, "it names none of the photos in the source.")
    add_frames({"frames": wanted}, file, lookup, shots, pixel_frames)
    model = shots.model()
    check_parallax(model.poses[:, :3, 3], len(dataset.images), file, AXES)
    return Provided(form, file, model, z_up_within_degrees, AXES, metres_per_unit=metres_per_unit)


def numbers(values: Any, count: int, file: str, what: str) -> NDArray[np.float64]:
    """`count` finite numbers from a list or from text. Raises InvalidPoses."""
    try:
        found = np.array(values.split() if isinstance(values, str) else values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError, AttributeError, OverflowError):
        found = np.zeros(0)
    if len(found) != count or not np.isfinite(found).all():
        raise invalid(file, f"{what} must be {count} numbers.")
    return found
