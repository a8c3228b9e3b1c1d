"""The engine's file, `gaussians.npz`, and what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.geometry.gaussians import Gaussians
from reconstruction_worker.geometry.rendering import Field

FILE: Final = "gaussians.npz"
_NAMES: Final = ("means", "scales", "rotations", "opacities", "harmonics")
_EDGE: Final = 1e-6
"""Opacities are kept so far from 0 and 1: their logits are finite."""


def write_gaussians(folder: Path, gaussians: Gaussians) -> None:
    arrays = {name: getattr(gaussians, name) for name in _NAMES}
    np.savez(folder / FILE, **arrays)


def read_gaussians(folder: Path) -> Gaussians:
    """Raises CheckpointIncompatible."""
    try:
        with np.load(folder / FILE) as file:
            return Gaussians(**{name: file[name] for name in _NAMES})
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise ReconstructionError(
            "CheckpointIncompatible", f"{FILE} of the engine splatt3r is not there or damaged."
        ) from error


def field_of(gaussians: Gaussians) -> Field:
    """On the CPU, without the filter that the network was not trained with."""
    import torch

    from reconstruction_worker.engines.gaussians.field import SplatsField
    from reconstruction_worker.engines.gaussians.numba_rasteriser import NumbaRasteriser
    from reconstruction_worker.engines.gaussians.parameters import HARMONICS, MEANS, OPACITIES, ROTATIONS, SCALES

    opacities = torch.from_numpy(gaussians.opacities).clamp(_EDGE, 1 - _EDGE)
    parameters = {
        MEANS: torch.from_numpy(gaussians.means),
        SCALES: torch.from_numpy(gaussians.scales).log(),
        ROTATIONS: torch.from_numpy(gaussians.rotations),
        OPACITIES: torch.logit(opacities)[:, None],
        HARMONICS: torch.from_numpy(gaussians.harmonics),
    }
    return SplatsField(parameters, {}, NumbaRasteriser(antialiased=False))
