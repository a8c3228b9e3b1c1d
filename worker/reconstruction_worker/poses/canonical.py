"""Poses of six photos that show an object from the sides of a cube, as multi-view generators and turntable rigs render
them: known by the photos' names alone.

Each camera looks at the object's middle from the same distance. As in drawings (third-angle projection, ISO 128), the
lower edge of the top view and the upper edge of the bottom view are the object's front; left and right are those of
somebody who looks at the front.
"""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath
from typing import Final

import numpy as np
import pycolmap

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.poses import Poses

from ..ingest.dataset import Dataset, DatasetImage
from .provided.provided_poses import ALWAYS, Provided, ShotList

DEFAULT_FIELD_OF_VIEW: Final = 40
DIRECTIONS: Final = {
    "front": ((0, -1, 0), (0, 0, 1)),
    "right": ((1, 0, 0), (0, 0, 1)),
    "back": ((0, 1, 0), (0, 0, 1)),
    "left": ((-1, 0, 0), (0, 0, 1)),
    "top": ((0, 0, 1), (0, 1, 0)),
    "bottom": ((0, 0, -1), (0, -1, 0)),
}
"""Where each camera stands, and which way is up in its photo. z is up."""
_AXES: Final = "known by the photos' names"


def canonical_poses(dataset: Dataset, settings: Poses) -> Provided:
    """The poses of exactly six photos, named after their sides. A unit is a metre where the cameras' distance is known,
    else that distance. Raises ImageCountOutOfRange or InvalidPoses."""
    views = _views(dataset)
    focal = 0.5 / math.tan(math.radians(settings.field_of_view_degrees or DEFAULT_FIELD_OF_VIEW) / 2)
    millimetres = settings.camera_distance_millimetres
    distance = millimetres / 1000 if millimetres is not None else 1.0
    shots = ShotList()
    for side, photo in views.items():
        width, height = photo.width, photo.height
        parameters = [focal * max(width, height), width / 2, height / 2]
        camera = pycolmap.Camera(model="SIMPLE_PINHOLE", width=width, height=height, params=parameters)
        shots.add(photo.name, camera, _pose(side, distance))
    metres_per_unit = 1.0 if millimetres else None
    return Provided(None, "", shots.model(), ALWAYS, _AXES, metres_per_unit=metres_per_unit)


def _views(dataset: Dataset) -> dict[str, DatasetImage]:
    """The photo of each side."""
    names = f"{', '.join([*DIRECTIONS][:-1])} and {[*DIRECTIONS][-1]}"
    if len(dataset.images) != len(DIRECTIONS):
        left_out = [f"{item.name} was left out ({item.code})" for item in dataset.dropped[:3]]
        raise ReconstructionError(
            "ImageCountOutOfRange",
            f"spec.poses.method CanonicalViews needs exactly 6 photos, one from each side; there are "
            f"{'; '.join([str(len(dataset.images)), *left_out])}.",
            suggestion=f"Name the six photos {names}, or set spec.poses.method to Auto.",
            details={"images": len(dataset.images), "minimum": 6, "maximum": 6},
        )
    views: dict[str, DatasetImage] = {}
    for photo in dataset.images:
        words = set(re.findall(r"[a-z]+", PurePosixPath(photo.original.name).stem.lower()))
        sides = [side for side in DIRECTIONS if side in words]
        problem = None
        if len(sides) != 1:
            problem = f"names {' and '.join(sides)}" if sides else "does not name the side it shows"
        elif sides[0] in views:
            problem = f"names the same side as {views[sides[0]].original.name}, {sides[0]}"
        if problem is not None:
            raise ReconstructionError(
                "InvalidPoses",
                f"{photo.original.name} {problem}; spec.poses.method is CanonicalViews.",
                suggestion=f"Name the six photos {names}, or set spec.poses.method to Auto.",
                details={"file": photo.original.name},
            )
        views[sides[0]] = photo
    return views


def _pose(side: str, distance: float) -> np.ndarray:
    """World-from-camera matrix [4, 4], axes as in OpenCV."""
    where, up = (np.array(axis, float) for axis in DIRECTIONS[side])
    pose = np.eye(4)
    pose[:3] = np.stack([np.cross(-where, up), -up, -where, distance * where], axis=1)
    return pose
