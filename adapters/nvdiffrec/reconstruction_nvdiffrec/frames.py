"""From the world of transforms.json (z up) to nvdiffrec's (y up) and back. It turns the cameras of a NeRF data set so,
and takes and gives meshes in its own world."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

THEIRS_FROM_WORLD: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def to_theirs(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points [..., 3]."""
    return points @ THEIRS_FROM_WORLD.T


def to_world(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points [..., 3]."""
    return points @ THEIRS_FROM_WORLD
