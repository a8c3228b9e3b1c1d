"""Stands in for a network that sees geometry: it knows where the photos were taken and what they show, and says so in a
world of its own, as wrong as it is asked to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from demo_photos.cameras import View
from demo_photos.render import TexturedMesh
from reconstruction_worker.geometry.axes import OPENGL_FROM_OPENCV
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.geometry.similarity import Similarity
from reconstruction_worker.poses.geometry_network import SeenGeometry

OWN_WORLD = Similarity(0.4, Rotation.from_rotvec([0.5, -0.9, 0.3]).as_matrix(), np.array([1.0, -2.0, 0.5]))
"""From the true world: a network knows neither scale nor orientation."""
BACKGROUND = 9.0
"""Distance of what is behind the object, in the true world."""


@dataclass
class PlantedNetwork:
    """`turned` degrees, `moved` (a share of the distance from the middle), `zoomed` and `noise` (shares of focal length
    and depth) are what each camera and map is typically wrong by."""

    scene: TexturedMesh
    views: Sequence[View]
    turned: float = 0.0
    moved: float = 0.0
    zoomed: float = 0.0
    noise: float = 0.0
    name: str = "planted"
    long_side: int = 504
    metric: bool = False
    """Whether it says that its unit is a metre."""
    shown: list[tuple[int, ...]] = field(default_factory=list)
    """Shapes of the pictures that it was given."""
    told: list[NDArray[np.float64]] = field(default_factory=list)
    """Focal lengths that it was told."""

    def look(self, pictures: NDArray[np.uint8], focal: NDArray[np.float64]) -> SeenGeometry:
        self.told.append(focal)
        return self._seen(pictures)

    def _seen(self, pictures: NDArray[np.uint8]) -> SeenGeometry:
        random = np.random.default_rng(7)
        self.shown.append(pictures.shape)
        count, height, width, _ = pictures.shape
        assert count == len(self.views)
        caster = Caster(Mesh(np.asarray(self.scene.mesh.vertices), np.asarray(self.scene.mesh.faces, np.int32)))
        poses = np.stack([view.camera_to_world @ OPENGL_FROM_OPENCV for view in self.views])
        # All photos are square; others would lose their margins on the way here.
        focal = np.array([view.focal * max(width, height) / view.size for view in self.views])
        depth = np.stack([_depth(caster, view, f, width, height) for view, f in zip(self.views, focal, strict=True)])
        depth = depth * OWN_WORLD.scale * (1 + self.noise * random.normal(size=depth.shape))
        for pose in poses:
            pose[:3, :3] = (
                pose[:3, :3]
                @ Rotation.from_rotvec(np.radians(self.turned) * random.normal(size=3) / np.sqrt(3)).as_matrix()
            )
            pose[:3, 3] += self.moved * np.linalg.norm(pose[:3, 3]) * random.normal(size=3) / np.sqrt(3)
        wrong = focal * (1 + self.zoomed * random.normal(size=count))
        return SeenGeometry(
            world_from_camera=OWN_WORLD.poses(poses),
            focal=np.stack([wrong, wrong], axis=1),
            depth=depth.astype(np.float32),
            confidence=np.full(depth.shape, 2.0, np.float32),
            metric=self.metric,
        )


def _depth(caster: Caster, view: View, focal: float, width: int, height: int) -> NDArray[np.float64]:
    """Along the camera's axis [height, width]."""
    camera = Camera(view.camera_to_world, focal, focal, width / 2, height / 2, width, height)
    hits = caster.view(camera)
    across = (np.arange(width) + 0.5 - width / 2) / focal
    down = (np.arange(height) + 0.5 - height / 2) / focal
    along = 1 / np.sqrt(1 + across[None, :] ** 2 + down[:, None] ** 2)
    return np.where(hits.hit, np.where(hits.hit, hits.distance, 0) * along, BACKGROUND)
