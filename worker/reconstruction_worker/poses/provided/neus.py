"""NeuS's `cameras_sphere.npz` (Wang et al., 2021), as IDR and DTU have it: `world_mat_N` [4, 4] projects points of the
world into the N-th photo by name (pixels, axes as in OpenCV), in a world of any orientation.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import rq

from ...ingest.dataset import Dataset
from ...ingest.natural_order import natural_order
from ...ingest.pose_files import PoseFormat
from ...ingest.pose_tools import Tool, kept_as
from ..lookup import photos_by_row
from .frames import Frame, from_frames, inverse, opengl
from .provided_poses import NEVER, Provided
from .turned import PixelFrames
from .validity import invalid

FILE: Final = "cameras_sphere.npz"
_MOST_BYTES: Final = 64 * 2**20


def read_neus(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """One camera for each photo. Raises InvalidPoses naming the matrix."""
    matrices = _matrices(folder / kept_as(Tool.NEUS))
    photos = photos_by_row(dataset, len(matrices), natural_order)
    if photos is None:
        count = len({image.original.name for image in dataset.images} | {item.name for item in dataset.dropped})
        raise invalid(FILE, f"it has {len(matrices)} cameras for {count} photos.")
    frames: list[Frame] = []
    for index, (photo, matrix) in enumerate(zip(photos, matrices, strict=True)):
        if photo is None:
            continue
        camera, pose = _decomposed(matrix, index)
        width, height = pixel_frames.size(photo)
        intrinsics = {"fl_x": camera[0, 0], "fl_y": camera[1, 1], "cx": camera[0, 2] + 0.5, "cy": camera[1, 2] + 0.5}
        frames.append(
            {"file_path": photo.original.name, "transform_matrix": opengl(pose), "w": width, "h": height}
            | {key: float(value) for key, value in intrinsics.items()}
        )
    return from_frames(PoseFormat.NEUS, FILE, frames, dataset, pixel_frames, NEVER)


def _matrices(path: Path) -> list[NDArray[np.float64]]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise invalid(FILE, "it is larger than matrices of cameras are.")
        with np.load(path, allow_pickle=False) as arrays:
            count = sum(name.startswith("world_mat_") and "inv" not in name for name in arrays.files)
            found = [np.array(arrays[f"world_mat_{index}"], np.float64)[:3, :4] for index in range(count)]
    except (zipfile.BadZipFile, OSError, ValueError, KeyError) as error:
        raise invalid(FILE, "it is no NumPy archive with matrices world_mat_0, world_mat_1, ...") from error
    for index, matrix in enumerate(found):
        if matrix.shape != (3, 4) or not np.isfinite(matrix).all():
            raise invalid(FILE, f"world_mat_{index} must be 4 x 4 finite numbers.")
    return found


def _decomposed(matrix: NDArray[np.float64], index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Camera matrix [3, 3] and world-from-camera [4, 4] of a projection [3, 4] (Hartley and Zisserman, 6.2.4)."""
    if abs(np.linalg.det(matrix[:, :3])) < 1e-12:
        raise invalid(FILE, f"world_mat_{index} projects nothing: its left 3 x 3 is singular.")
    scale = np.sign(np.linalg.det(matrix[:, :3]))
    upper, rotation = rq(scale * matrix[:, :3])
    signs = np.diag(np.sign(np.diag(upper)))
    upper, rotation = upper @ signs, signs @ rotation
    translation = np.linalg.solve(upper, scale * matrix[:, 3])
    return upper / upper[2, 2], inverse(rotation, translation)
