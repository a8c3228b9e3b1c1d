"""How near a surface is to one that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree

from reconstruction_worker.geometry.mesh import Mesh, face_normals, with_faces

SAMPLES = 60_000
REACH = 0.05
"""Share of the extent from the known surface within which a part of the other one is taken to be meant for it."""


@dataclass(frozen=True)
class Nearness:
    """F-scores (Knapitsch et al. 2017, "Tanks and Temples") at shares of the known surface's longest side."""

    f_at_1_percent: float
    f_at_2_percent: float
    normals_degrees: float
    """Mean angle between the normals of nearest points; 90 where none are near."""


def nearness(mesh: Mesh, truth: Mesh) -> Nearness:
    """Of what of `mesh` lies about `truth`; both in the same frame. What is not seen of `truth` should not be in it."""
    extent = float(np.ptp(truth.bounds(), axis=0).max())
    low, high = truth.bounds()[0] - REACH * extent, truth.bounds()[1] + REACH * extent
    middles = mesh.vertices[mesh.faces].mean(axis=1)
    about = with_faces(mesh, ((middles > low) & (middles < high)).all(axis=1))
    if not len(about.faces):
        return Nearness(0.0, 0.0, 90.0)
    ours, our_normals = _samples(about, 0)
    theirs, their_normals = _samples(truth, 1)
    away, index = KDTree(theirs).query(ours)
    nearest = np.asarray(index)
    missed, _ = KDTree(ours).query(theirs)
    close = away < 0.02 * extent
    cosine = np.abs((our_normals[close] * their_normals[nearest[close]]).sum(axis=1)).clip(0, 1)
    degrees = float(np.degrees(np.arccos(cosine)).mean()) if close.any() else 90.0
    return Nearness(_f(away, missed, 0.01 * extent), _f(away, missed, 0.02 * extent), degrees)


def _samples(mesh: Mesh, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points on the surface, and its normals there. [N, 3] each"""
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    found = trimesh.sample.sample_surface(whole, SAMPLES, seed=seed)
    return np.asarray(found[0]), face_normals(mesh)[np.asarray(found[1])]


def _f(away: NDArray[np.float64], missed: NDArray[np.float64], tolerance: float) -> float:
    accuracy, completeness = float((away < tolerance).mean()), float((missed < tolerance).mean())
    return 2 * accuracy * completeness / max(accuracy + completeness, 1e-9)
