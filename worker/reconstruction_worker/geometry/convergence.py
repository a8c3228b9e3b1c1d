"""Where cameras look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def convergence(centres: NDArray[np.float64], forward: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point [3] that the optical axes of cameras at `centres` [N, 3] with unit directions `forward` [N, 3] pass
    closest to, least squares; a little regularised towards one scene size in front of the cameras, for axes that are
    parallel."""
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    size = max(float(np.linalg.norm(centres - centres.mean(axis=0), axis=1).max()), 1e-6)
    guess = (centres + size * forward).mean(axis=0)
    weight = 1e-3 * len(centres)
    left = across.sum(axis=0) + weight * np.eye(3)
    right = (across @ centres[:, :, None]).sum(axis=0)[:, 0] + weight * guess
    return np.linalg.solve(left, right)
