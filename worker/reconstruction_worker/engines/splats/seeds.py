"""Where Gaussians begin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ..gaussians.parameters import HARMONICS, MEANS, OPACITIES, ROTATIONS, SCALES, Parameters

FIRST_OPACITY = 0.3
NEIGHBOURS = 3
"""The mean distance to so many is a Gaussian's first size."""
SMALLEST, LARGEST = 1e-5, 0.05
"""Of it: in world units, and as a share of the scene's extent."""
DC = 0.28209479
"""The harmonic of degree zero."""


@dataclass(frozen=True)
class Seeds:
    """Points of the scene in world units, and their colours."""

    points: NDArray[np.float64]  # [S, 3]
    colours: NDArray[np.float64]  # [S, 3], 0..1

    def __len__(self) -> int:
        return len(self.points)

    @classmethod
    def none(cls) -> Seeds:
        return cls(np.zeros((0, 3)), np.zeros((0, 3)))

    @classmethod
    def together(cls, parts: Sequence[Seeds]) -> Seeds:
        if not parts:
            return cls.none()
        return cls(np.concatenate([part.points for part in parts]), np.concatenate([part.colours for part in parts]))

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Seeds:
        return Seeds(self.points[rows], self.colours[rows])

    def at_most(self, count: int, random: np.random.Generator) -> Seeds:
        """Some of them, where there are more."""
        return self if len(self) <= count else self[np.sort(random.choice(len(self), count, replace=False))]

    def away_from(self, others: Seeds) -> Seeds:
        """Those that are farther from all others than these are typically from one another."""
        if len(others) < 2 or len(self) == 0:
            return self
        tree = KDTree(others.points)
        usual = np.median(np.asarray(tree.query(others.points, k=2)[0])[:, 1])
        return self[np.asarray(tree.query(self.points)[0]) > usual]


def seeded(seeds: Seeds, extent: float) -> Parameters:
    """A Gaussian at each seed: a ball as large as there is room to its neighbours."""
    count = min(NEIGHBOURS, len(seeds) - 1)
    distances = np.asarray(KDTree(seeds.points).query(seeds.points, k=count + 1)[0])[:, 1:]
    sizes = np.sqrt((distances**2).mean(axis=1)).clip(SMALLEST, LARGEST * extent)
    rotations = torch.zeros(len(seeds), 4)
    rotations[:, 0] = 1
    return {
        MEANS: _tensor(seeds.points),
        SCALES: _tensor(np.log(sizes))[:, None].repeat(1, 3),
        ROTATIONS: rotations,
        OPACITIES: torch.full((len(seeds), 1), math.log(FIRST_OPACITY / (1 - FIRST_OPACITY))),
        HARMONICS: _tensor((seeds.colours - 0.5) / DC)[:, None],
    }


def _tensor(values: NDArray[np.floating]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
