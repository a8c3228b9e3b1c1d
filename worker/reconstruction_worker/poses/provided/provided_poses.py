"""What is read from any format of provided poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ...ingest.pose_files import PoseFormat
from ..posed_model import PosedModel, Shot, SparsePoints

ALWAYS: Final = 360.0
NEVER: Final = 0.0


class Share(StrEnum):
    """What somebody meant a photo for."""

    TRAIN = "train"
    EVAL = "eval"
    UNUSED = "unused"


@dataclass(frozen=True)
class Provided:
    """Poses as they were given. The model has points only where the format brought them."""

    format: PoseFormat | None
    """None where no file brought them."""
    file: str
    """Name of the file that messages about the poses as a whole name."""
    model: PosedModel
    z_up_within_degrees: float
    """z is up where this is not farther off from how the cameras were held; otherwise these tell. `ALWAYS` where the
    format leaves no doubt, `NEVER` where its world is any."""
    axes: str
    """What the format wants of its matrices, for messages."""
    shares: Mapping[str, Share] = field(default_factory=dict)
    """By the photos' names; empty where nobody divided them."""
    metres_per_unit: float | None = None
    """Where who provided the poses says so."""
    alternative: Provided | None = None
    """The same poses, for photos that were turned upright before; None where it is clear whose pixels they are for."""


class ShotList:
    """Shots by photo, and the cameras that they share."""

    def __init__(self) -> None:
        self._cameras: dict[tuple[object, ...], pycolmap.Camera] = {}
        self._shots: dict[str, Shot] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._shots

    def add(self, name: str, camera: pycolmap.Camera, world_from_camera: NDArray[np.float64]) -> None:
        """Enter a photo with its world-from-camera matrix [4, 4] (OpenCV axes)."""
        key = (camera.model_name, camera.width, camera.height, *camera.params)
        shared = self._cameras.setdefault(key, camera)
        if shared is camera:
            camera.camera_id = len(self._cameras)
        self._shots[name] = Shot(name, shared.camera_id, world_from_camera)

    def model(self, points: SparsePoints | None = None) -> PosedModel:
        """Shots in the order of their names."""
        ordered = tuple(self._shots[name] for name in sorted(self._shots))
        return PosedModel({c.camera_id: c for c in self._cameras.values()}, ordered, points or SparsePoints.none())
