"""The points that the poses were found with, and which photos show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..stage_files import OBSERVATIONS, POINTS
from .cameras import project
from .scene import Scene, View

COLOURED_POINT = np.dtype([("position", "<f4", 3), ("colour", "u1", 3)])


@dataclass(frozen=True)
class SparsePoints:
    """A few accurate points of the scene, in world units."""

    positions: NDArray[np.float64]  # [P, 3]
    seen: dict[str, NDArray[np.int64]]
    """For each view's name the points that its photo shows."""

    def of(self, view: View) -> NDArray[np.float64]:
        """The points that a view's photo shows. [N, 3]"""
        return self.positions[self.seen[view.name]]

    def shown_by(self, views: Sequence[View]) -> NDArray[np.bool_]:
        """Which view's photo shows which point. [N, P]"""
        shown = np.zeros((len(views), len(self.positions)), np.bool_)
        for number, view in enumerate(views):
            shown[number, self.seen[view.name]] = True
        return shown


def load_points(workspace: Path, scene: Scene) -> SparsePoints:
    """`poses/points.ply` and `poses/observations.npz`; without the latter a photo shows what it has in its frame.

    `scene` has all posed photos.
    """
    folder = workspace / "poses"
    positions = read_coloured_points(folder / POINTS)["position"].astype(np.float64)
    observations = folder / OBSERVATIONS
    if not observations.is_file():
        return SparsePoints(positions, {view.name: in_frame(view, positions) for view in scene.views})
    with np.load(observations) as table:
        frame, point = table["frame"], table["point"].astype(np.int64)
    return SparsePoints(positions, {view.name: np.unique(point[frame == k]) for k, view in enumerate(scene.views)})


def in_frame(view: View, positions: NDArray[np.float64]) -> NDArray[np.int64]:
    """The points [P, 3] that lie in front of a camera and within its picture."""
    if len(positions) == 0:
        return np.empty(0, np.int64)
    pixels, depth = project(view.camera, positions)
    size = (view.camera.width, view.camera.height)
    return np.flatnonzero((depth > 0) & (pixels >= 0).all(axis=1) & (pixels < size).all(axis=1))


def read_coloured_points(file: Path) -> NDArray[Any]:
    """What the stage `poses` wrote: `position` [P, 3] float32, `colour` [P, 3] uint8; none without the file."""
    if not file.is_file():
        return np.empty(0, COLOURED_POINT)
    head, body = file.read_bytes().split(b"end_header\n", 1)
    count = next(int(line.split()[2]) for line in head.splitlines() if line.startswith(b"element vertex"))
    return np.frombuffer(body, COLOURED_POINT, count)
