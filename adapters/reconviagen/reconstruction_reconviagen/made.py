"""What the networks have made, read from their file and brought into the world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.geometry.gaussian_sets import chosen, rotated
from reconstruction_worker.geometry.gaussians import Gaussians
from reconstruction_worker.geometry.mesh import Mesh, compacted, face_cross
from reconstruction_worker.geometry.similarity import Similarity

UNPOSED: Final = Similarity(2.0)
"""From the networks' cube [-0.5, 0.5]^3 to ours, [-1, 1]^3; z is up in both."""
FAINT: Final = 1 / 255
"""Opacity below which a Gaussian shows nothing."""


@dataclass(frozen=True)
class Made:
    """A mesh, and Gaussians that have its colours."""

    mesh: Mesh
    gaussians: Gaussians

    def moved(self, by: Similarity) -> Made:
        gaussians = rotated(self.gaussians, by.rotation).scaled(by.scale)
        means = gaussians.means + by.translation.astype(np.float32)
        return Made(Mesh(by.points(self.mesh.vertices), self.mesh.faces), replace(gaussians, means=means))


def read_made(path: Path) -> Made:
    """In the networks' cube. Raises EngineUnavailable for a file that can't be read, TrainingDiverged where something
    in it is no number, EmptyMesh where there is nothing."""
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        mesh = Mesh(
            arrays["vertices"].astype(np.float64).reshape(-1, 3), arrays["faces"].astype(np.int32).reshape(-1, 3)
        )
        gaussians = Gaussians(
            means=_floats(arrays["means"], 3),
            scales=_floats(arrays["scales"], 3),
            rotations=_floats(arrays["rotations"], 4),
            opacities=_floats(arrays["opacities"]),
            harmonics=_floats(arrays["harmonics"], 1, 3),
            antialiased=True,  # upstream shows them so
        )
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise ReconstructionError(
            "EngineUnavailable", f"{path.name} of reconviagen can't be read: {type(error).__name__}."
        ) from error
    if not all(np.isfinite(each).all() for each in arrays.values()):
        raise ReconstructionError("TrainingDiverged", "The networks of reconviagen give NaN or infinite values.")
    if len(mesh.faces) and not 0 <= mesh.faces.min() <= mesh.faces.max() < len(mesh.vertices):
        raise ReconstructionError("EngineUnavailable", "The mesh of reconviagen names corners that it does not have.")
    seen = np.flatnonzero((gaussians.opacities >= FAINT) & (gaussians.scales > 0).all(axis=1))
    if not len(mesh.faces) or not len(seen):
        raise ReconstructionError(
            "EmptyMesh",
            f"reconviagen has made {'Gaussians' if len(mesh.faces) else 'a mesh'} without anything in it.",
            suggestion="Check that the masks show one object, whole in each photo, or choose another engine.",
            details={"engine": "reconviagen"},
        )
    return Made(_outward(compacted(mesh)), chosen(gaussians, seen))


def _floats(values: NDArray[np.floating], *shape: int) -> NDArray[np.float32]:
    """[N, ...]"""
    return np.ascontiguousarray(values.reshape(-1, *shape), np.float32)


def _outward(mesh: Mesh) -> Mesh:
    """With faces that are counter-clockwise from outside: the volume that they enclose is not negative."""
    volume = (face_cross(mesh) * mesh.vertices[mesh.faces[:, 0]]).sum()
    return mesh if volume >= 0 else Mesh(mesh.vertices, np.ascontiguousarray(mesh.faces[:, ::-1]))
