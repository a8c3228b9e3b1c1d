"""The surface that connects points of a landscape, on a grid: it is looked up a hundred million times, and a search for
the triangle each time takes minutes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.ndimage import map_coordinates

CELLS = 1024
"""Along each side: a few for each of as many points as a sparse model has."""
MARGIN = 0.25
"""What is added around the points, as a share of their extent: beyond, the height is that of the grid's edge."""


class Heights:
    """z over x and y: linear in the triangles between points, that of the nearest point around them."""

    def __init__(self, points: NDArray[np.float64]):
        """`points` are [P, 3]; not all in one line."""
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        self._low, self._extent = low - MARGIN * (high - low), (1 + 2 * MARGIN) * (high - low)
        steps = np.linspace(0, 1, CELLS)
        places = self._low + np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1) * self._extent  # [x, y, 2]
        levels = LinearNDInterpolator(points[:, :2], points[:, 2])(places)
        around = np.isnan(levels)
        levels[around] = NearestNDInterpolator(points[:, :2], points[:, 2])(places[around])
        self._levels = levels

    def at(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """[N] at `places` [N, 2]."""
        cells = (places - self._low) / self._extent * (CELLS - 1)
        return np.asarray(map_coordinates(self._levels, cells.T, order=1, mode="nearest"), np.float64)
