"""A set of posed photos with the points that they see, whatever the poses came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pycolmap
from numpy.typing import NDArray

from ..geometry.similarity import Similarity


@dataclass(frozen=True)
class Shot:
    """A photo with a pose. `world_from_camera` is [4, 4], axes as in OpenCV and COLMAP: x right, y down, z forward."""

    name: str
    camera_id: int
    world_from_camera: NDArray[np.float64]


@dataclass(frozen=True)
class SparsePoints:
    """Points found in several photos. `observations` pairs the index of a shot with that of a point it shows."""

    xyz: NDArray[np.float64]  # [P, 3]
    rgb: NDArray[np.uint8]  # [P, 3]
    track_lengths: NDArray[np.int64]  # [P], photos that show the point
    observations: NDArray[np.int64]  # [O, 2]

    @classmethod
    def none(cls) -> SparsePoints:
        return cls(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), np.zeros(0, np.int64), np.zeros((0, 2), np.int64))


@dataclass(frozen=True)
class PosedModel:
    """Cameras (with distortion, sizes of the stored photos), shots in order of their names, and points."""

    cameras: Mapping[int, pycolmap.Camera]
    shots: tuple[Shot, ...]
    points: SparsePoints
    mean_reprojection_error: float | None = None
    """In pixels; None when no points were triangulated."""
    median_reprojection_error: float | None = None
    """The same of the point in the middle: what a few wrong points don't change."""

    @property
    def poses(self) -> NDArray[np.float64]:
        """World-from-camera matrices [N, 4, 4], axes as in OpenCV."""
        return np.stack([shot.world_from_camera for shot in self.shots])

    def transformed(self, similarity: Similarity) -> PosedModel:
        """The same model in another world frame."""
        shots = tuple(
            replace(shot, world_from_camera=pose)
            for shot, pose in zip(self.shots, similarity.poses(self.poses), strict=True)
        )
        points = replace(self.points, xyz=similarity.points(self.points.xyz))
        return replace(self, shots=shots, points=points)

    @classmethod
    def from_reconstruction(cls, reconstruction: pycolmap.Reconstruction) -> PosedModel:
        images = sorted((reconstruction.image(i) for i in reconstruction.reg_image_ids()), key=lambda i: i.name)
        point_ids = sorted(reconstruction.point3D_ids())
        reconstruction.update_point_3d_errors()
        points = [reconstruction.point3D(point_id) for point_id in point_ids]
        shot_of = {image.image_id: index for index, image in enumerate(images)}
        observations = [
            (shot_of[element.image_id], index) for index, point in enumerate(points) for element in point.track.elements
        ]
        shots = tuple(
            Shot(image.name, image.camera_id, _homogeneous(image.cam_from_world().inverse().matrix()))
            for image in images
        )
        return cls(
            cameras={shot.camera_id: reconstruction.camera(shot.camera_id) for shot in shots},
            shots=shots,
            points=SparsePoints(
                xyz=np.array([point.xyz for point in points]).reshape(-1, 3),
                rgb=np.array([point.color for point in points], np.uint8).reshape(-1, 3),
                track_lengths=np.array([point.track.length() for point in points], np.int64),
                observations=np.array(observations, np.int64).reshape(-1, 2),
            ),
            mean_reprojection_error=float(reconstruction.compute_mean_reprojection_error()) if points else None,
            median_reprojection_error=float(np.median([point.error for point in points])) if points else None,
        )


def _homogeneous(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]])
