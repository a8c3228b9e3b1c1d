"""The textured model as it is exported, and the two orientations that file formats expect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..geometry.mesh import Mesh
from ..stage_files import BASE_COLOUR, CHARTS
from .place import Place

Z_UP_TO_Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)
"""x stays, up z becomes y, and what faces the cameras' side (-y) faces +z: the front in glTF 2.0, section 3.4."""


@dataclass(frozen=True)
class Model:
    """A triangle mesh with a texture. `uv` is (0, 0) in the picture's upper left corner."""

    vertices: NDArray[np.float32]  # [V, 3]
    normals: NDArray[np.float32]  # [V, 3] unit
    faces: NDArray[np.int32]  # [F, 3] counter-clockwise from outside
    uv: NDArray[np.float32]  # [V, 2]
    texture: NDArray[np.uint8]  # [S, S, 3]
    metric: bool
    """Coordinates are metres; otherwise the scene's own unit."""
    place: Place | None = None
    """Where on Earth it is; None where nobody knows."""

    def bounds(self) -> NDArray[np.float32]:
        """Lower and upper corner. [2, 3]"""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    def welded(self) -> tuple[Mesh, NDArray[np.int64]]:
        """The mesh without the seams of its texture, and the welded vertex of each vertex. [V]"""
        points, index = np.unique(self.vertices, axis=0, return_inverse=True)
        index = index.reshape(-1)
        return Mesh(points.astype(np.float64), index[self.faces].astype(np.int32)), index


def load_model(texture: Path, metres_per_unit: float | None, place: Place | None = None) -> Model:
    """What the stage `texture` left in its folder, z up, in metres where the scale is known."""
    with np.load(texture / CHARTS) as arrays:
        vertices, normals, faces, uv = (arrays[name] for name in ("vertices", "normals", "faces", "uv"))
    with Image.open(texture / BASE_COLOUR) as image:
        picture = np.array(image.convert("RGB"))
    scale = np.float32(metres_per_unit or 1.0)
    return Model(vertices * scale, normals, faces, uv, picture, metric=metres_per_unit is not None, place=place)


def y_up(model: Model) -> Model:
    """The model upright where y is up and +z is the front."""
    return replace(model, vertices=model.vertices @ Z_UP_TO_Y_UP.T, normals=model.normals @ Z_UP_TO_Y_UP.T)
