"""Files of engines that are not trained in steps: a coloured mesh (`surface.npz`), Gaussians (`gaussians.npz`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from reconstruction_api.errors import ReconstructionError

from ..geometry.coloured_mesh import ColouredMesh
from ..geometry.gaussians import Gaussians
from ..geometry.mesh import Mesh

SURFACE: Final = "surface.npz"
GAUSSIANS: Final = "gaussians.npz"
_NAMES: Final = ("means", "scales", "rotations", "opacities", "harmonics")


def write_surface(folder: Path, surface: ColouredMesh) -> None:
    np.savez(
        folder / SURFACE,
        vertices=surface.mesh.vertices.astype(np.float32),
        faces=surface.mesh.faces,
        colours=surface.colours,
    )


def read_surface(folder: Path, engine: str) -> ColouredMesh:
    """What the engine of that name has left. Raises CheckpointIncompatible."""
    try:
        with np.load(folder / SURFACE) as file:
            return ColouredMesh(Mesh(file["vertices"].astype(np.float64), file["faces"]), file["colours"])
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise _unreadable(SURFACE, engine) from error


def write_gaussians(folder: Path, gaussians: Gaussians) -> None:
    np.savez(folder / GAUSSIANS, **{name: getattr(gaussians, name) for name in _NAMES})


def read_gaussians(folder: Path, engine: str, *, antialiased: bool) -> Gaussians:
    """The same; whether they are `antialiased` the engine knows. Raises CheckpointIncompatible."""
    try:
        with np.load(folder / GAUSSIANS) as file:
            return Gaussians(**{name: file[name] for name in _NAMES}, antialiased=antialiased)
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise _unreadable(GAUSSIANS, engine) from error


def _unreadable(file: str, engine: str) -> ReconstructionError:
    return ReconstructionError("CheckpointIncompatible", f"{file} of the engine {engine} is not there or damaged.")
