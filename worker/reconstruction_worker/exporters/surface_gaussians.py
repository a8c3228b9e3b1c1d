"""Gaussians laid on a textured surface: what engines that make none deliver in formats of Gaussians.

Each point of an evenly spread cloud is one of them: a disc in its colour, as far across as the next one is away.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..geometry.gaussians import Gaussians
from ..geometry.harmonics import CONSTANT
from .surface_points import surface_points
from .textured_model import Model

COUNT: Final = 250_000
"""Gaussians, where the job does not say how many."""
SPREAD: Final = 0.6
"""Standard deviation of a disc, in distances between neighbours: no gaps, and no more blur than that takes."""
THICKNESS: Final = 0.05
"""Of a disc, in the same unit."""
OPACITY: Final = 0.98


def surface_gaussians(model: Model, count: int = COUNT) -> Gaussians:
    """About `count` Gaussians on the model, never more. Colours are the same from all sides."""
    found = surface_points(model, count)
    distance = np.sqrt(model.mesh().area() / max(len(found.positions), 1))
    colours = found.colours.astype(np.float32) / np.float32(255)
    scales = np.array([SPREAD, SPREAD, THICKNESS], np.float32) * np.float32(distance)
    return Gaussians(
        means=found.positions,
        scales=np.tile(scales, (len(found.positions), 1)),
        rotations=_facing(found.normals),
        opacities=np.full(len(found.positions), OPACITY, np.float32),
        harmonics=((colours - np.float32(0.5)) / np.float32(CONSTANT))[:, None],
    )


def _facing(normals: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rotations w, x, y, z that turn the third axis to each unit vector. [N, 3] -> [N, 4]"""
    z = normals.astype(np.float64)
    other = np.where(np.abs(z[:, :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    x = np.cross(other, z)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    turns = Rotation.from_matrix(np.stack([x, np.cross(z, x), z], axis=2))
    return np.roll(turns.as_quat(), 1, axis=1).astype(np.float32)
