"""Charts put into groups that are near each other in space, for pages of a texture: who looks at one part of a large
scene needs few of its pages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh, face_cross


def regions(mesh: Mesh, chart: NDArray[np.int64], charts: int, count: int) -> NDArray[np.int64]:
    """The group of each chart [charts], counted from 0: `count` of about the same area. `chart` [F] is that of each
    face.

    Charts are halved across their longest extent again and again; of an odd number one half is larger.
    """
    result = np.zeros(charts, np.int64)
    if count == 1:
        return result
    area = np.linalg.norm(face_cross(mesh), axis=1)
    total = np.maximum(np.bincount(chart, area, charts), 1e-30)
    middle = mesh.vertices[mesh.faces].mean(axis=1)
    centre = np.stack([np.bincount(chart, area * middle[:, axis], charts) / total for axis in range(3)], axis=1)
    left = [(np.arange(charts), 0, count)]
    while left:
        members, first, groups = left.pop()
        result[members] = first
        if groups == 1 or len(members) < 2:
            continue
        along = centre[members] @ _longest(centre[members])
        order = members[np.argsort(along, kind="stable")]
        done = np.cumsum(total[order])
        cut = int(np.searchsorted(done, done[-1] * (groups // 2) / groups).clip(1, len(order) - 1))
        left += [(order[:cut], first, groups // 2), (order[cut:], first + groups // 2, groups - groups // 2)]
    return result


def _longest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vector along which points [N, 3] are spread most."""
    away = points - points.mean(axis=0)
    return np.linalg.eigh(away.T @ away)[1][:, -1]
