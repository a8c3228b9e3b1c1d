"""The posed photos that the poses stage left: `poses/transforms.json` and `poses/images/`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName

from ...geometry.rendering import Camera
from ...stage_files import OBSERVATIONS, TRANSFORMS
from .exposures import relative

DEPTH_UNIT = 1e-3
"""World units that 1 means in a depth map."""
INTRINSICS = ("fl_x", "fl_y", "cx", "cy", "w", "h")


@dataclass(frozen=True)
class PosedPhoto:
    """A photo and the camera that took it."""

    name: str
    file: Path
    camera: Camera
    depth: Path | None = None
    """Its depth map; see docs/workspace.md."""
    share: str | None = None
    """What who provided the poses meant the photo for: `train`, `eval` or `unused`; None where nobody said."""
    usable: bool = True
    """False where its background is in it, although masks take it away from the other photos: then only its camera and
    what was found with it are of use."""

    def distances(self) -> NDArray[np.float64] | None:
        """[h, w], along the camera's axis in world units, of any size; 0 where unknown. None without a depth map."""
        if self.depth is None:
            return None
        try:
            with Image.open(self.depth) as image:
                return np.asarray(image).astype(np.float64) * DEPTH_UNIT
        except (OSError, UnidentifiedImageError) as error:
            raise ReconstructionError("DepthInvalid", f"{self.depth.name} can't be read.") from error

    def pixels(self) -> NDArray[np.uint8]:
        """[H, W, 3] or, with an alpha channel, [H, W, 4] (not premultiplied)."""
        try:
            with Image.open(self.file) as image:
                pixels = np.asarray(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"))
        except (OSError, UnidentifiedImageError) as error:
            raise ReconstructionError("ImageCorrupt", f"{self.name} can't be read: {error.strerror}.") from error
        expected = (self.camera.height, self.camera.width)
        if pixels.shape[:2] != expected:
            raise ReconstructionError(
                "InvalidPoses",
                f"{self.name} has {pixels.shape[1]}x{pixels.shape[0]} pixels, its pose is for "
                f"{expected[1]}x{expected[0]}.",
            )
        return pixels


@dataclass(frozen=True)
class Scene:
    """Posed photos and the region they show, in world units."""

    photos: tuple[PosedPhoto, ...]
    bounded: bool
    """One object in front of a masked background: everything outside `box` is empty."""
    box: NDArray[np.float64]  # [2, 3]: lowest and highest corner
    near: float
    far: float
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))  # [P, 3], of the sparse model
    observations: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))  # [O, 2]: photo, point
    masked: bool = True
    """Whether the photos have their masks as alpha."""
    can_hold_out: bool = True
    """Whether photos can be missed in the training: no other shows what one of six canonical views does."""

    def photo(self, name: str) -> PosedPhoto:
        return next(photo for photo in self.photos if photo.name == name)


def read_scene(workspace: Path) -> Scene:
    """Read the result of the poses stage in `workspace`; raises InvalidPoses when it can't be used."""
    folder = workspace / StageName.POSES
    try:
        document = json.loads((folder / TRANSFORMS).read_text())
        exposures = relative([frame.get("exposure") for frame in document["frames"]])
        photos = tuple(
            _photo(workspace, document, frame, exposure)
            for frame, exposure in zip(document["frames"], exposures, strict=True)
        )
        points, observations = _sparse(folder, len(photos))
        scene = document["scene"]
        return Scene(
            photos=photos,
            bounded=scene["kind"] == "bounded",
            box=np.array(scene["box"], np.float64).reshape(2, 3),
            near=float(scene["near"]),
            far=float(scene["far"]),
            masked=document.get("hasAlpha", True),
            can_hold_out=document.get("canHoldOut", True),
            points=points,
            observations=observations,
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ReconstructionError("InvalidPoses", f"poses/transforms.json can't be used: {error!r}.") from error


def _sparse(folder: Path, photos: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points [P, 3] and observations [O, 2] of the sparse model; none where the poses stage left none."""
    if not (folder / OBSERVATIONS).exists():
        return np.zeros((0, 3)), np.zeros((0, 2), np.int64)
    with np.load(folder / OBSERVATIONS) as file:
        points = file["points"].reshape(-1, 3).astype(np.float64)
        observations = np.stack([file["frame"], file["point"]], axis=1).astype(np.int64)
    if ((observations < 0) | (observations >= (photos, len(points)))).any():
        raise ValueError("observations.npz belongs to another model")
    return points, observations


def _photo(workspace: Path, document: dict[str, Any], frame: dict[str, Any], log_exposure: float) -> PosedPhoto:
    fx, fy, cx, cy, width, height = (float(frame[key] if key in frame else document[key]) for key in INTRINSICS)
    matrix = np.array(frame["transform_matrix"], np.float64).reshape(4, 4)
    if not np.isfinite(matrix).all():
        raise ValueError(f"the pose of {frame['file_path']} is NaN or infinite")
    path = Path(frame["file_path"])
    return PosedPhoto(
        path.name,
        workspace / path,
        Camera(matrix, fx, fy, cx, cy, int(width), int(height), log_exposure),
        workspace / frame["depth_file_path"] if "depth_file_path" in frame else None,
        frame.get("split"),
        frame.get("hasAlpha", True),
    )
