"""How far two surfaces, or two pictures, are apart."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree

from reconstruction_worker.geometry.mesh import Mesh

SAMPLES = 30_000


def f_score(mesh: Mesh, truth: Mesh, tolerance: float) -> float:
    """Harmonic mean of accuracy and completeness: shares of points within `tolerance` of the other surface."""
    ours, theirs = _points(mesh, 0), _points(truth, 1)
    accuracy = float((KDTree(theirs).query(ours)[0] < tolerance).mean())
    completeness = float((KDTree(ours).query(theirs)[0] < tolerance).mean())
    return 2 * accuracy * completeness / max(accuracy + completeness, 1e-9)


def psnr(picture: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Over the pixels that both RGBA pictures show fully."""
    both = (picture[..., 3] == 255) & (truth[..., 3] == 255)
    error = (picture[both][:, :3].astype(float) - truth[both][:, :3]) / 255
    return float(-10 * np.log10((error**2).mean()))


def _points(mesh: Mesh, seed: int) -> NDArray[np.float64]:
    full = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    return np.asarray(trimesh.sample.sample_surface(full, SAMPLES, seed=seed)[0])
