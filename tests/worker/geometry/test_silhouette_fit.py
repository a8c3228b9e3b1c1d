"""A shape of unknown pose and size is found among posed photos by its silhouettes."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.silhouette_fit import fit_to_points, fit_to_silhouettes, silhouette_agreement
from reconstruction_worker.geometry.similarity import Similarity

from .scenes import look_at

SIX = ((0, -1, 0), (1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1))


def figure() -> Mesh:
    """No two of its sides have the same outline."""
    parts = [
        trimesh.creation.icosphere(3, 0.3),
        trimesh.creation.box((0.9, 0.25, 0.2)).apply_translation((0.2, 0, 0.1)),
        trimesh.creation.cylinder(0.1, 0.8).apply_translation((0.1, 0.15, 0.3)),
    ]
    whole: Any = trimesh.util.concatenate(parts)
    return Mesh(np.asarray(whole.vertices), np.asarray(whole.faces, np.int32))


def test_pose_and_size_are_found_and_measured_points_make_them_better() -> None:
    shape = figure()
    cameras = [look_at(2.2 * np.array(side), size=128) for side in SIX]
    masks = [Caster(shape).view(camera).hit for camera in cameras]
    true = Similarity(1.6, Rotation.from_euler("xyz", [86, 5, 172], degrees=True).as_matrix(), np.array([0.1, 0, -0.1]))
    back = np.linalg.inv(true.matrix)
    own = Mesh(shape.vertices @ back[:3, :3].T + back[:3, 3], shape.faces)
    found = fit_to_silhouettes(own, cameras, masks)
    assert found.agreement > 0.93
    off = np.linalg.norm(found.world.points(own.vertices) - shape.vertices, axis=1)
    assert np.median(off) < 0.03
    points = np.asarray(trimesh.sample.sample_surface(trimesh.Trimesh(shape.vertices, shape.faces), 2000, seed=1)[0])
    drawn = fit_to_points(own, found.world, points)
    better = np.linalg.norm(drawn.points(own.vertices) - shape.vertices, axis=1)
    assert np.median(better) < min(0.015, float(np.median(off)) + 1e-3)
    assert silhouette_agreement(own, drawn, cameras, masks) > 0.95


def test_a_shape_of_something_else_fits_badly() -> None:
    cameras = [look_at(2.2 * np.array(side), size=64) for side in SIX]
    masks = [Caster(figure()).view(camera).hit for camera in cameras]
    ball = trimesh.creation.icosphere(3, 1.0)
    other = Mesh(np.asarray(ball.vertices), np.asarray(ball.faces, np.int32))
    assert fit_to_silhouettes(other, cameras, masks).agreement < 0.7
