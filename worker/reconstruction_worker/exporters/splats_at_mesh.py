"""Which Gaussians of a scene lie at the surface that the mesh shows.

A mesh may be cut to the object that the cameras look at; the Gaussians that a scene was trained to are not. Those at
the object's surface are the object as Gaussians, though its photos have no masks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ..geometry.gaussians import Gaussians
from ..geometry.subject import Plane
from .surface_points import surface_points
from .textured_model import Model

SAMPLES: Final = 200_000
"""Points of the surface that distances are measured to."""
REACH: Final = 0.02
"""Of the mesh's longest side: how far from the surface a Gaussian's middle may be. Thin things that the mesh has lost
stay, and what floats does not."""


def at_mesh(gaussians: Gaussians, model: Model, plane: Plane | None) -> NDArray[np.bool_]:
    """Whether each of N Gaussians is at the model's surface, and above the plane that the object stands on. All three
    are in one unit, z up. [N]"""
    surface = surface_points(model, SAMPLES).positions
    reach = REACH * float(np.ptp(model.vertices, axis=0).max())
    away, _ = KDTree(surface).query(gaussians.means, distance_upper_bound=reach)
    near = np.isfinite(np.asarray(away))
    if plane is not None:
        near &= plane.height(gaussians.means.astype(np.float64)) > 0
    return near
