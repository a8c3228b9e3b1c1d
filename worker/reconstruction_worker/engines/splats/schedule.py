"""What changes in the course of a training: by the share of it that is over, however long it is."""

from __future__ import annotations

import torch
from torch import Tensor

from ..gaussians.parameters import HARMONICS, MEANS, NAMES, OPACITIES, ROTATIONS, SCALES, shapes

SMALL_UNTIL = 0.3
"""Until then the photos are looked at in a smaller size."""
DEGREES_UNTIL = 0.3
"""Until then the harmonics grow to their degree, one by one."""
GROWTH_UNTIL, REFINED_UNTIL = 0.7, 0.85
"""Until when there are more Gaussians after a refinement, and until when there are refinements."""
REFINEMENTS = 35
"""In a training, about."""
REFINED_EVERY = 20, 100
"""Fewest and most steps between two."""

RATES = {MEANS: 1.5e-3, SCALES: 0.02, ROTATIONS: 2e-3, OPACITIES: 0.05, HARMONICS: 5e-3}
"""Learning rates of a training of `RATES_STEPS`; that of the means is a share of the scene's extent."""
RATES_STEPS = 800
LAST_OF_MEANS = 0.01
"""What the means' rate falls to, as a share of the first one."""
BANDS_SHARE = 0.1
"""Rate of the harmonics beyond the first as a share of the first one's."""
FINE = 0.3
"""What all rates are multiplied with when there are no more refinements."""


def degree_at(share: float, degree: int) -> int:
    """Of the harmonics that are in use."""
    return min(degree, int(share * (degree + 1) / DEGREES_UNTIL))


def refined_every(steps: int) -> int:
    """Steps between two refinements of a training of so many."""
    fewest, most = REFINED_EVERY
    return min(max(round(steps / REFINEMENTS), fewest), most)


def rate_of_means(share: float, extent: float) -> float:
    """In world units."""
    return RATES[MEANS] * extent * LAST_OF_MEANS**share


def rates(share: float, extent: float, factor: float, degree: int) -> dict[str, Tensor]:
    """Of each number in a Gaussian's row, by the parameters' names. [D] each"""
    found = {}
    for name in NAMES:
        rate = rate_of_means(share, extent) if name == MEANS else RATES[name]
        numbers = shapes(degree)[name]
        found[name] = torch.full(numbers, rate * factor * (FINE if share > REFINED_UNTIL else 1))
    found[HARMONICS][1:] *= BANDS_SHARE
    return {name: value.flatten() for name, value in found.items()}
