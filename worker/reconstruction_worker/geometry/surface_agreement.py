"""How much two surfaces are the same one."""

from __future__ import annotations

from typing import Final

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree

from .mesh import Mesh

TOLERANCE: Final = 0.01
"""Distance up to which points count as the same, as a share of the longest side."""
_SAMPLES: Final = 20_000


def surface_agreement(mesh: Mesh, other: Mesh) -> float:
    """F-score (Knapitsch et al. 2017, "Tanks and Temples") of two surfaces in one frame, at 1 % of the longest side of
    the first; 1 where each lies on the other."""
    tolerance = TOLERANCE * float(np.ptp(mesh.bounds(), axis=0).max())
    ours, theirs = _points(mesh, 0), _points(other, 1)
    precision = float((KDTree(theirs).query(ours)[0] < tolerance).mean())
    recall = float((KDTree(ours).query(theirs)[0] < tolerance).mean())
    return 2 * precision * recall / max(precision + recall, 1e-9)


def _points(mesh: Mesh, seed: int) -> NDArray[np.float64]:
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    return np.asarray(trimesh.sample.sample_surface(whole, _SAMPLES, seed=seed)[0])
