"""A mesh with a colour at each vertex, and what cameras see of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh
from .raycast import Caster
from .rendering import Camera, Rendering


@dataclass(frozen=True)
class ColouredMesh:
    """In world units. `colours` belong to the vertices."""

    mesh: Mesh
    colours: NDArray[np.uint8]  # [V, 3]


class MeshField:
    """A `Field` that shows a mesh."""

    def __init__(self, scene: ColouredMesh):
        self._scene = scene
        self._caster = Caster(scene.mesh)

    def render(self, camera: Camera) -> Rendering:
        hits = self._caster.view(camera)
        rgb = hits.interpolate(self._scene.mesh.faces, self._scene.colours.astype(np.float32) / np.float32(255))
        distance = np.where(hits.hit, hits.distance, np.float32(0))
        return Rendering(rgb, hits.hit.astype(np.float32), distance.astype(np.float32))
