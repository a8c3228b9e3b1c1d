"""Where rays meet a mesh (Embree)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from ..compiled import Threaded
from .cameras import pixel_rays
from .mesh import Mesh
from .rendering import Camera

RAYS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Hits:
    """The first meeting of each ray. Arrays have the rays' leading shape."""

    distance: NDArray[np.float32]  # along the unit direction; inf where nothing was met
    face: NDArray[np.int32]  # -1 where nothing was met
    weights: NDArray[np.float32]  # [..., 3] barycentric, in the order of the face's corners

    @property
    def hit(self) -> NDArray[np.bool_]:
        return self.face >= 0

    def interpolate(self, faces: NDArray[np.int32], values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Vertex values [V, C] at the meeting points [..., C]; zero where nothing was met."""
        corners = values[faces[np.maximum(self.face, 0)]]
        result = np.einsum("...k,...kc->...c", self.weights, corners.astype(np.float32))
        return np.where(self.hit[..., None], result, np.float32(0))


class Caster:
    """A mesh prepared for ray casting. Coordinates are shifted and scaled to keep single precision accurate."""

    def __init__(self, mesh: Mesh):
        bounds = mesh.bounds()
        self._centre = bounds.mean(axis=0)
        self._scale = 1.0 / max(float(np.ptp(bounds, axis=0).max()), 1e-12)
        self._scene = EmbreeScene()
        scaled = ((mesh.vertices - self._centre) * self._scale).astype(np.float32)
        TriangleMesh(self._scene, np.ascontiguousarray(scaled), np.ascontiguousarray(mesh.faces, dtype=np.int32))
        ray = np.zeros((1, 3), np.float32)
        self._scene.run(ray, ray + 1)  # the first one completes the scene, which no two threads may do

    def cast(self, origins: NDArray[np.floating], directions: NDArray[np.floating]) -> Hits:
        """Rays from `origins` (broadcast) along unit `directions` [..., 3]."""
        shape = directions.shape[:-1]
        flat = np.ascontiguousarray(directions.reshape(-1, 3), dtype=np.float32)
        starts = (np.broadcast_to(origins, directions.shape).reshape(-1, 3) - self._centre) * self._scale
        starts = np.ascontiguousarray(starts, dtype=np.float32)
        distance = np.empty(len(flat), np.float32)
        face = np.empty(len(flat), np.int32)
        weights = np.empty((len(flat), 3), np.float32)
        Threaded(self._cast_part)(len(flat), starts, flat, distance, face, weights)
        return Hits(distance.reshape(shape), face.reshape(shape), weights.reshape(*shape, 3))

    def _cast_part(
        self,
        begin: int,
        end: int,
        starts: NDArray[np.float32],
        directions: NDArray[np.float32],
        distance: NDArray[np.float32],
        face: NDArray[np.int32],
        weights: NDArray[np.float32],
    ) -> None:
        """Fill in the last three for rays `begin` to `end - 1`; Embree leaves the interpreter to other threads."""
        for first in range(begin, end, RAYS_AT_ONCE):
            part = slice(first, min(first + RAYS_AT_ONCE, end))
            found = self._scene.run(starts[part], directions[part], query="INTERSECT", output=True)
            face[part] = found["primID"]
            distance[part] = np.where(found["primID"] >= 0, found["tfar"] / self._scale, np.inf)
            u, v = found["u"], found["v"]
            weights[part] = np.stack([1 - u - v, u, v], axis=1)

    def view(self, camera: Camera) -> Hits:
        """What each pixel's centre of a camera meets. [H, W]"""
        return self.cast(camera.camera_to_world[:3, 3], pixel_rays(camera))
