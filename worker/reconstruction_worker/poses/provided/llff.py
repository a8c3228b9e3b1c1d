"""`poses_bounds.npy` of LLFF (Mildenhall et al., Local Light Field Fusion, 2019): a row of 17 numbers for each photo,
in the order of their names: a 3 x 5 matrix, row by row, whose columns are the camera's down, right and backward axes in
the world, its position, and (height, width, focal length); then the nearest and the farthest depth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ...ingest.dataset import Dataset, DatasetImage
from ...ingest.pose_files import LLFF, PoseFormat
from ..lookup import photos_by_row
from .provided_poses import NEVER, Provided, ShotList
from .turned import PixelFrames, Turn
from .validity import check_focal, check_parallax, check_size, invalid, rigid

COLUMNS: Final = 17
AXES: Final = "camera-to-world with the columns down, right, backward, position"


def read_llff(folder: Path, dataset: Dataset, frames: PixelFrames) -> Provided:
    """Poses and focal lengths; the principal point is the middle. Raises InvalidPoses naming the row."""
    table = _table(folder / LLFF)
    shots = ShotList()
    for index, (row, photo) in enumerate(zip(table, _photos(len(table), dataset), strict=True)):
        if photo is None:
            continue
        where = f"row {index} ({photo.original.name})"
        matrix = row[:15].reshape(3, 5)
        if not np.isfinite(matrix).all():
            raise invalid(LLFF, f"{where} holds a value that is NaN or infinite.")
        # OpenCV's right, down, forward from LLFF's down, right, backward.
        axes = np.stack([matrix[:, 1], matrix[:, 0], -matrix[:, 2], matrix[:, 3]], axis=1)
        pose = rigid(np.vstack([axes, [0, 0, 0, 1]]), LLFF, where, "the matrix")
        camera, turn = _camera(matrix[:, 4], photo, where, frames)
        shots.add(photo.name, camera, turn.pose(pose) if turn else pose)
    model = shots.model()
    check_parallax(np.array([shot.world_from_camera[:3, 3] for shot in model.shots]), len(dataset.images), LLFF, AXES)
    return Provided(PoseFormat.LLFF, LLFF, model, z_up_within_degrees=NEVER, axes=AXES)


def _table(path: Path) -> NDArray[np.float64]:
    try:
        # Mapped, so that a header that claims more than the file has can't reserve memory for it.
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(mapped, np.ndarray) or mapped.dtype.kind not in "fiu":
            raise ValueError
        if mapped.ndim != 2 or mapped.shape[1] != COLUMNS or not len(mapped):
            raise invalid(LLFF, f"it must hold {COLUMNS} numbers for each photo, not an array of {mapped.shape}.")
        return np.array(mapped, dtype=np.float64)
    except ReconstructionError:
        raise
    except Exception as error:  # NumPy parses the header as Python and lets whatever that raises through
        raise invalid(LLFF, "it is not an array of numbers as NumPy writes it, or is cut off.") from error


def _photos(rows: int, dataset: Dataset) -> list[DatasetImage | None]:
    """For each row its photo; None for one that ingest left out. Rows have no names: only the number can tell whether
    somebody counted photos that were left out."""
    found = photos_by_row(dataset, rows)
    if found is not None:
        return found
    everything = {image.original.name for image in dataset.images} | {item.name for item in dataset.dropped}
    raise invalid(LLFF, f"it has {rows} rows, but the source has {len(everything)} photos; each photo needs its row.")


def _camera(
    size: NDArray[np.float64], photo: DatasetImage, where: str, frames: PixelFrames
) -> tuple[pycolmap.Camera, Turn | None]:
    height, width, focal = (float(value) for value in size)
    check_size(width, height, photo, LLFF, where)
    check_focal(focal, "the focal length", width, height, LLFF, where)
    turn = frames.turn(photo, width, height, LLFF, where)
    stored = turn.before(photo.width, photo.height) if turn else (photo.width, photo.height)
    scale_x, scale_y = stored[0] / width, stored[1] / height
    params = [focal * scale_x, focal * scale_y, stored[0] / 2, stored[1] / 2]
    camera = pycolmap.Camera(model="PINHOLE", width=stored[0], height=stored[1], params=params)
    return (turn.camera(camera) if turn else camera), turn
