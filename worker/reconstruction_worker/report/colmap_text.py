"""Writes a COLMAP model as text, which COLMAP, nerfstudio and Gaussian splatting read.

https://colmap.github.io/format.html#text-format. Cameras are pinhole and belong to the undistorted pictures; the world
is that of transforms.json. An observed point stands where it projects to: the model's own keypoints were not kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..geometry.axes import OPENCV_FROM_OPENGL

_INTRINSICS = ("w", "h", "fl_x", "fl_y", "cx", "cy")


def model_files(
    transforms: dict[str, Any],
    points: NDArray[np.float64],
    colours: NDArray[np.uint8],
    observations: Sequence[tuple[int, int]],
) -> dict[str, str]:
    """`cameras.txt`, `images.txt` and `points3D.txt`. `points` [P, 3] are in the world, `colours` [P, 3] theirs;
    `observations` are pairs of a frame's index in `transforms` and a point's."""
    frames = [{**transforms, **frame} for frame in transforms["frames"]]
    cameras = list(dict.fromkeys(tuple(frame[name] for name in _INTRINSICS) for frame in frames))
    seen: dict[int, list[int]] = defaultdict(list)
    tracks: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for frame, point in observations:
        tracks[point].append((frame + 1, len(seen[frame])))
        seen[frame].append(point)
    images: list[str] = []
    for index, frame in enumerate(frames):
        camera = tuple(frame[name] for name in _INTRINSICS)
        to_world = np.asarray(frame["transform_matrix"], np.float64) @ OPENCV_FROM_OPENGL
        from_world = np.asarray(np.linalg.inv(to_world), np.float64)
        x, y, z, w = Rotation.from_matrix(from_world[:3, :3]).as_quat()
        pose = " ".join(repr(float(value)) for value in (w, x, y, z, *from_world[:3, 3]))
        name = PurePosixPath(frame["file_path"]).name
        images.append(f"{index + 1} {pose} {cameras.index(camera) + 1} {name}")
        images.append(_shown(points[seen[index]], [point + 1 for point in seen[index]], from_world, camera))
    return {
        "cameras.txt": _lines(f"{number} PINHOLE {' '.join(map(repr, camera))}" for number, camera in _count(cameras)),
        "images.txt": _lines(images),
        "points3D.txt": _lines(
            f"{number + 1} {' '.join(repr(float(value)) for value in points[number])} "
            f"{' '.join(str(int(value)) for value in colours[number])} 0 "
            f"{' '.join(f'{image} {row}' for image, row in tracks[number])}"
            for number in sorted(tracks)
        ),
    }


def _shown(
    points: NDArray[np.float64], identifiers: list[int], from_world: NDArray[np.float64], camera: tuple[float, ...]
) -> str:
    """Where points [N, 3] are in a picture, each with its identifier."""
    _, _, fx, fy, cx, cy = camera
    local = points @ from_world[:3, :3].T + from_world[:3, 3]
    across, down = fx * local[:, 0] / local[:, 2] + cx, fy * local[:, 1] / local[:, 2] + cy
    return " ".join(f"{x:.3f} {y:.3f} {point}" for x, y, point in zip(across, down, identifiers, strict=True))


def _count(cameras: list[tuple[Any, ...]]) -> list[tuple[int, tuple[Any, ...]]]:
    return list(enumerate(cameras, start=1))


def _lines(lines: Any) -> str:
    return "".join(f"{line}\n" for line in lines)
