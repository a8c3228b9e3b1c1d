"""Where depth maps show a surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .field_depth import DepthMap


def surface_bounds(maps: Sequence[DepthMap], box: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Box of the surface points inside the scene's box, without the outermost few; None when there are none. [2, 3]"""
    found = []
    for one in maps:
        points = one.points()[one.shown]
        found.append(points[((points >= box[0]) & (points <= box[1])).all(axis=1)])
    points = np.concatenate(found) if found else np.empty((0, 3))
    if len(points) < 100:
        return None
    low, high = np.quantile(points, [0.0005, 0.9995], axis=0)
    margin = 0.02 * (high - low).max()
    return np.stack([np.maximum(low - margin, box[0]), np.minimum(high + margin, box[1])])
