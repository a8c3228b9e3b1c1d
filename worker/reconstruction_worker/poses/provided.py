"""Poses that somebody else knows: a `transforms.json` beside the photos, as nerfstudio and instant-ngp write it.

Camera-to-world matrices with OpenGL axes (x right, y up, z backward), z up; intrinsics for all photos or in each frame.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from ..ingest.dataset import Dataset, DatasetImage
from .lookup import PhotoLookup
from .model import PosedModel, Shot, SparsePoints

TRANSFORMS: Final = "transforms.json"
ROTATION_TOLERANCE: Final = 0.01
"""Largest deviation of R^T R from the identity; rounded files stay well below, and are made exact afterwards."""
ASPECT_TOLERANCE: Final = 0.02
MODELS: Final = {
    "SIMPLE_PINHOLE": (),
    "PINHOLE": (),
    "OPENCV": ("k1", "k2", "p1", "p2", "k3"),
    "OPENCV_FISHEYE": ("k1", "k2", "k3", "k4"),
}
"""Camera models and the distortion coefficients they use; an absent coefficient is 0."""

_OPENCV_FROM_OPENGL: Final = np.diag([1.0, -1.0, -1.0, 1.0])


def read_provided(path: Path, dataset: Dataset) -> PosedModel:
    """The photos that have a frame, with its pose and intrinsics; no points. Raises InvalidPoses naming the frame."""
    document = _parse(path)
    lookup = PhotoLookup(dataset)
    cameras: dict[tuple[Any, ...], pycolmap.Camera] = {}
    shots: dict[str, Shot] = {}
    for index, frame in enumerate(_frames(document)):
        label = _label(index, frame)
        photo = lookup.find(str(frame["file_path"]), label)
        if photo is None:
            continue
        if photo.name in shots:
            raise _invalid(f"{label} names {photo.original.name}, which an earlier frame has posed already.")
        pose = _pose(frame.get("transform_matrix"), label)
        camera = _camera({**document, **frame}, photo, label)
        key = (camera.model_name, camera.width, camera.height, *camera.params)
        shared = cameras.setdefault(key, camera)
        if shared is camera:
            camera.camera_id = len(cameras)
        shots[photo.name] = Shot(photo.name, shared.camera_id, pose)
    if len(shots) < 2:
        raise _invalid(f"it has poses for {len(shots)} of the {len(dataset.images)} photos; at least two are needed.")
    ordered = tuple(shots[name] for name in sorted(shots))
    model = PosedModel({camera.camera_id: camera for camera in cameras.values()}, ordered, SparsePoints.none())
    if np.ptp(model.poses[:, :3, 3], axis=0).max() < 1e-9:
        raise _invalid("all frames have the same position, so no depth can be told.")
    return model


def _parse(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"it is not valid JSON: {error}.") from error
    if not isinstance(document, dict):
        raise _invalid("it must be a JSON object with a list 'frames'.")
    return document


def _frames(document: dict[str, Any]) -> list[dict[str, Any]]:
    frames = document.get("frames")
    if not isinstance(frames, list) or not frames:
        raise _invalid("'frames' must be a list with an entry for each photo.")
    for index, frame in enumerate(frames):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str) or not frame["file_path"]:
            raise _invalid(f"frames[{index}] has no 'file_path'.")
    return frames


def _pose(value: Any, label: str) -> NDArray[np.float64]:
    """World-from-camera matrix [4, 4] with OpenCV axes, exactly rigid."""
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, [0, 0, 0, 1]])
    if matrix.shape != (4, 4):
        raise _invalid(f"{label}: 'transform_matrix' must be 4 rows of 4 numbers.")
    if not np.isfinite(matrix).all():
        raise _invalid(f"{label}: 'transform_matrix' holds a value that is not finite.")
    if not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-6):
        raise _invalid(f"{label}: the last row of 'transform_matrix' must be 0 0 0 1; is the matrix transposed?")
    rotation = matrix[:3, :3]
    determinant = float(np.linalg.det(rotation))
    if abs(determinant + 1) < 0.1:
        raise _invalid(f"{label}: the rotation mirrors (determinant {determinant:.3f}); one axis points the wrong way.")
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > ROTATION_TOLERANCE:
        raise _invalid(
            f"{label}: the upper left 3 x 3 of 'transform_matrix' is not a rotation (determinant {determinant:.3f}); "
            "its columns must be orthogonal and of length 1."
        )
    u, _, vt = np.linalg.svd(rotation)
    matrix[:3, :3] = u @ vt
    return matrix @ _OPENCV_FROM_OPENGL


def _camera(fields: dict[str, Any], photo: DatasetImage, label: str) -> pycolmap.Camera:
    """The frame's camera for the photo as it is stored (ingest may have made it smaller)."""
    name = str(fields.get("camera_model", "OPENCV")).upper()
    if name not in MODELS:
        raise _invalid(f"{label}: camera_model {name} is not one of {', '.join(sorted(MODELS))}.")
    turned = "turned upright" in photo.notes
    original = (
        (photo.original.height, photo.original.width) if turned else (photo.original.width, photo.original.height)
    )
    width = _number(fields, "w", label, default=float(original[0]))
    height = _number(fields, "h", label, default=float(original[1]))
    if width <= 0 or height <= 0 or abs(width * photo.height / (height * photo.width) - 1) > ASPECT_TOLERANCE:
        raise _invalid(
            f"{label} is for {width:g} x {height:g} pixels, but {photo.original.name} has {original[0]} x {original[1]}"
            + (" (turned upright by its EXIF orientation)." if turned else ".")
        )
    focal_x, focal_y = _focal_lengths(fields, width, height, label)
    centre_x = _number(fields, "cx", label, default=width / 2)
    centre_y = _number(fields, "cy", label, default=height / 2)
    if not (0 < centre_x < width and 0 < centre_y < height):
        raise _invalid(f"{label}: the principal point ({centre_x:g}, {centre_y:g}) is outside the photo.")
    scale_x, scale_y = photo.width / width, photo.height / height
    pinhole = [focal_x * scale_x, focal_y * scale_y, centre_x * scale_x, centre_y * scale_y]
    distortion = [_number(fields, key, label, default=0.0) for key in MODELS[name]]
    return _with_distortion(name, pinhole, distortion, photo)


def _with_distortion(name: str, pinhole: list[float], distortion: list[float], photo: DatasetImage) -> pycolmap.Camera:
    """COLMAP's camera with the fewest parameters that holds these (its OPENCV has no k3, its FULL_OPENCV has)."""
    model, params = "PINHOLE", pinhole
    if name == "OPENCV_FISHEYE":
        model, params = name, pinhole + distortion
    elif any(distortion):
        k1, k2, p1, p2, k3 = distortion
        model, params = "OPENCV", [*pinhole, k1, k2, p1, p2]
        if k3:
            model, params = "FULL_OPENCV", [*params, k3, 0.0, 0.0, 0.0]
    return pycolmap.Camera(model=model, width=photo.width, height=photo.height, params=params)


def _focal_lengths(fields: dict[str, Any], width: float, height: float, label: str) -> tuple[float, float]:
    """In pixels of the frame's own size, from `fl_x` or from the angle of view `camera_angle_x` (radians)."""
    if "fl_x" in fields:
        focal_x = _number(fields, "fl_x", label)
    elif "camera_angle_x" in fields:
        angle = _number(fields, "camera_angle_x", label)
        if not 0 < angle < math.pi:
            raise _invalid(f"{label}: 'camera_angle_x' must be between 0 and pi radians, not {angle:g}.")
        focal_x = width / 2 / math.tan(angle / 2)
    else:
        raise _invalid(f"{label} has no focal length: neither 'fl_x' nor 'camera_angle_x' is given.")
    focal_y = _number(fields, "fl_y", label, default=focal_x)
    for key, focal in (("fl_x", focal_x), ("fl_y", focal_y)):
        if not 0.1 < focal / max(width, height) < 50:
            raise _invalid(f"{label}: '{key}' {focal:g} makes no sense for {width:g} x {height:g} pixels.")
    return focal_x, focal_y


def _number(fields: dict[str, Any], key: str, label: str, default: float | None = None) -> float:
    value = fields.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _invalid(f"{label}: '{key}' must be a number.")
    return float(value)


def _label(index: int, frame: dict[str, Any]) -> str:
    return f"frames[{index}] ({frame['file_path']})"


def _invalid(problem: str) -> ReconstructionError:
    return ReconstructionError("InvalidPoses", f"{TRANSFORMS}: {problem}")
