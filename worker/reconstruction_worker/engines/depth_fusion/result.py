"""The engine's files: `surface.npz` and `gaussians.npz`."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from reconstruction_api.errors import ReconstructionError

from ...geometry.coloured_mesh import ColouredMesh
from ...geometry.gaussians import Gaussians
from ...geometry.mesh import Mesh

SURFACE: Final = "surface.npz"
GAUSSIANS: Final = "gaussians.npz"


def write_surface(folder: Path, surface: ColouredMesh) -> None:
    np.savez(
        folder / SURFACE,
        vertices=surface.mesh.vertices.astype(np.float32),
        faces=surface.mesh.faces,
        colours=surface.colours,
    )


def read_surface(folder: Path) -> ColouredMesh:
    """Raises CheckpointIncompatible."""
    try:
        with np.load(folder / SURFACE) as file:
            return ColouredMesh(Mesh(file["vertices"].astype(np.float64), file["faces"]), file["colours"])
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise _unreadable(SURFACE) from error


def write_gaussians(folder: Path, gaussians: Gaussians) -> None:
    np.savez(
        folder / GAUSSIANS,
        means=gaussians.means,
        scales=gaussians.scales,
        rotations=gaussians.rotations,
        opacities=gaussians.opacities,
        harmonics=gaussians.harmonics,
    )


def read_gaussians(folder: Path) -> Gaussians:
    """Raises CheckpointIncompatible."""
    try:
        with np.load(folder / GAUSSIANS) as file:
            return Gaussians(**{name: file[name] for name in file.files}, antialiased=True)
    except (OSError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise _unreadable(GAUSSIANS) from error


def _unreadable(file: str) -> ReconstructionError:
    return ReconstructionError("CheckpointIncompatible", f"{file} of the fused depth maps is not there or damaged.")
