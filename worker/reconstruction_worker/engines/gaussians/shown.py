"""Gaussians that no training of ours has made, as something that can be looked at."""

from __future__ import annotations

from typing import Final

import torch

from ...geometry.gaussians import Gaussians
from .field import SplatsField
from .numba_rasteriser import NumbaRasteriser
from .parameters import HARMONICS, MEANS, OPACITIES, ROTATIONS, SCALES

_EDGE: Final = 1e-6
"""Opacities are kept so far from 0 and 1: their logits are finite."""


def field_of(gaussians: Gaussians) -> SplatsField:
    """On the CPU."""
    opacities = torch.from_numpy(gaussians.opacities).clamp(_EDGE, 1 - _EDGE)
    parameters = {
        MEANS: torch.from_numpy(gaussians.means),
        SCALES: torch.from_numpy(gaussians.scales).log(),
        ROTATIONS: torch.from_numpy(gaussians.rotations),
        OPACITIES: torch.logit(opacities)[:, None],
        HARMONICS: torch.from_numpy(gaussians.harmonics),
    }
    return SplatsField(parameters, {}, NumbaRasteriser(antialiased=gaussians.antialiased))
