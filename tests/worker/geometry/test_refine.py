"""A surface moves to where the photos agree, and stays where they have nothing to say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from reconstruction_worker.geometry.mesh import Mesh, vertex_normals
from reconstruction_worker.geometry.refine_surface import Refiner
from reconstruction_worker.geometry.scene import load_scene

from .scenes import MeshField, around, bumpy_sphere, speckled, write_poses

TOO_DEEP = 0.02


def shrunk(truth: Mesh) -> Mesh:
    """Everywhere a little too deep, as the depth of a radiance field is."""
    return Mesh(truth.vertices - TOO_DEEP * vertex_normals(truth), truth.faces)


def depth_error(mesh: Mesh, truth: Mesh) -> float:
    """Mean distance of corresponding vertices along the true normals."""
    return float(np.abs(((mesh.vertices - truth.vertices) * vertex_normals(truth)).sum(axis=1)).mean())


def test_a_surface_that_is_too_deep_comes_back(tmp_path: Path) -> None:
    truth = bumpy_sphere()
    write_poses(tmp_path, MeshField(truth), around(24))
    views = list(load_scene(tmp_path).views)
    for view in views:
        speckled(view, truth)
    mesh, refiner = shrunk(truth), Refiner(views)
    for reach in (0.03, 0.015):
        mesh = refiner.moved(mesh, reach)
    assert depth_error(mesh, truth) < 0.3 * TOO_DEEP


def test_without_detail_in_the_photos_the_surface_stays(tmp_path: Path) -> None:
    truth = bumpy_sphere()
    write_poses(tmp_path, MeshField(truth), around(12))
    views = list(load_scene(tmp_path).views)
    for view in views:
        photo = view.photo()
        photo[..., :3] = 140
        Image.fromarray(photo).save(view.image)
    moved = Refiner(views).moved(truth, 0.03)
    assert depth_error(moved, truth) < 0.002
