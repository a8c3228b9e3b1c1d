"""Whether the triangles of a written file are those that were meant, in whatever order and precision it stores them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from .checking import require
from .textured_model import Model

TOLERANCE = 4e-5
"""Of the longest side, and of the texture's: two and a half steps of 16 bits."""
VOLUME_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Triangles:
    """Positions [V, 3] as a reader places them, texture coordinates [V, 2] and corners [F, 3]."""

    positions: NDArray[np.floating]
    uv: NDArray[np.floating]
    faces: NDArray[np.integer]


def compare_triangles(name: str, found: Triangles, model: Model, bounds: NDArray[np.float32] | None = None) -> None:
    """Raises ExportFailed unless every triangle is where it should be, shows its part of the texture and faces
    outwards. `bounds` are those of the whole where `model` is a part of it."""
    bounds = model.bounds() if bounds is None else bounds
    low, size = bounds[0].astype(float), float(np.ptp(bounds, axis=0).max())
    wanted = Triangles((model.vertices - low) / size, model.uv, model.faces)
    found = Triangles((found.positions - low) / size, found.uv, found.faces)
    distances, _ = KDTree(_centres(found)).query(_centres(wanted), p=np.inf, distance_upper_bound=TOLERANCE)
    lost = int(np.isinf(distances).sum())
    require(name, lost == 0, f"{lost} of its {len(model.faces)} triangles are not where they should be")
    ours, theirs = _volumes(wanted), _volumes(found)
    difference = abs(float(ours.sum() - theirs.sum()))
    require(name, difference <= VOLUME_TOLERANCE * float(np.abs(ours).sum()), "triangles are turned inside out")


def _centres(triangles: Triangles) -> NDArray[np.floating]:
    """The middle of each triangle, in space and in the texture. [F, 5]"""
    corners = np.concatenate([triangles.positions, triangles.uv], axis=1)
    return corners[triangles.faces].mean(axis=1)


def _volumes(triangles: Triangles) -> NDArray[np.floating]:
    """Signed volume between each triangle and a point outside of the unit cube. [F]"""
    a, b, c = np.moveaxis(triangles.positions[triangles.faces] + 1, 1, 0)
    return np.einsum("fi,fi->f", a, np.cross(b, c)) / 6
