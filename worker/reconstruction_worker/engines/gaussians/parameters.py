"""What is learnt of Gaussians."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from ...geometry.gaussians import Gaussians

MEANS: Final = "means"
"""Positions in world units, [N, 3]."""
SCALES: Final = "scales"
"""Logarithms of standard deviations along the Gaussian's own axes, [N, 3]."""
ROTATIONS: Final = "rotations"
"""Quaternions w, x, y, z of any length, [N, 4]."""
OPACITIES: Final = "opacities"
"""Logits, [N, 1]."""
HARMONICS: Final = "harmonics"
"""Coefficients of the colour minus one half, [N, K, 3]."""
NAMES: Final = (MEANS, SCALES, ROTATIONS, OPACITIES, HARMONICS)

Parameters = Mapping[str, Tensor]
"""One float32 tensor for each of `NAMES`."""


def shapes(degree: int) -> dict[str, tuple[int, ...]]:
    """Of one Gaussian's row, with harmonics up to a degree."""
    return {MEANS: (3,), SCALES: (3,), ROTATIONS: (4,), OPACITIES: (1,), HARMONICS: ((degree + 1) ** 2, 3)}


def degree_of(parameters: Parameters) -> int:
    """Of the harmonics."""
    return round(parameters[HARMONICS].shape[1] ** 0.5) - 1


def as_gaussians(parameters: Parameters) -> Gaussians:
    """What they are in the world."""
    plain = {name: parameters[name].detach().float().cpu() for name in NAMES}
    return Gaussians(
        means=plain[MEANS].numpy(),
        scales=plain[SCALES].exp().numpy(),
        rotations=torch.nn.functional.normalize(plain[ROTATIONS], dim=-1).numpy(),
        opacities=plain[OPACITIES].sigmoid()[:, 0].numpy(),
        harmonics=plain[HARMONICS].numpy(),
    )
