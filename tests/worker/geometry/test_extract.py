"""The mesh of a field whose surface is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.geometry.extract import Budget, extract_mesh
from reconstruction_worker.geometry.mesh import Mesh, component_labels, face_normals
from reconstruction_worker.geometry.scene import Scene, load_scene

from .compare import f_score
from .scenes import EmptyField, MeshField, around, bumpy_sphere, from_above, hills, in_front, write_poses

BUDGET = Budget(views=40, rays=150_000)
FACES = 4_000


def scene_of(folder: Path, field: MeshField, cameras: list, bounded: bool = True) -> Scene:
    write_poses(folder, field, cameras, bounded)
    return load_scene(folder)


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> Mesh:
    """What is extracted from a bumpy sphere seen from all around."""
    field = MeshField(bumpy_sphere())
    return extract_mesh(field, scene_of(tmp_path_factory.mktemp("ball"), field, around(16)), FACES, BUDGET)[0]


def test_the_surface_is_within_one_percent_of_the_truth(ball: Mesh) -> None:
    # 30,000 samples of a surface this large lie .006 apart by themselves.
    assert f_score(ball, bumpy_sphere(), 0.02) > 0.98


def test_an_object_seen_from_all_sides_is_closed_and_in_one_piece(ball: Mesh) -> None:
    assert ball.is_watertight()
    assert component_labels(ball)[0] == 1


def test_faces_point_outwards(ball: Mesh) -> None:
    centres = ball.vertices[ball.faces].mean(axis=1)
    assert ((face_normals(ball) * centres).sum(axis=1) > 0).mean() > 0.99


def test_the_wanted_number_of_triangles_is_an_upper_bound_that_is_used(ball: Mesh) -> None:
    assert 0.9 * FACES < len(ball.faces) <= FACES


def test_a_surface_seen_from_one_side_stays_open_behind(tmp_path: Path) -> None:
    field = MeshField(bumpy_sphere())
    mesh, statistics = extract_mesh(field, scene_of(tmp_path, field, in_front(10)), FACES, BUDGET)
    assert not statistics.watertight
    assert statistics.components == 1
    assert mesh.vertices[:, 1].min() < -0.5
    assert mesh.vertices[:, 1].max() < 0.4


def test_terrain_is_a_sheet_that_faces_up(tmp_path: Path) -> None:
    field = MeshField(hills())
    mesh, statistics = extract_mesh(field, scene_of(tmp_path, field, from_above(), bounded=False), FACES, BUDGET)
    assert statistics.components == 1
    assert f_score(mesh, hills(), 0.02) > 0.97
    assert (face_normals(mesh)[:, 2] > 0).mean() > 0.999


def test_a_floater_is_dropped(tmp_path: Path) -> None:
    ball, speck = bumpy_sphere(0.5), bumpy_sphere(0.06)
    both = Mesh(
        np.concatenate([ball.vertices, speck.vertices + np.array([0.75, 0, 0.6])]),
        np.concatenate([ball.faces, speck.faces + np.int32(len(ball.vertices))]),
    )
    mesh, statistics = extract_mesh(MeshField(both), scene_of(tmp_path, MeshField(both), around(14)), FACES, BUDGET)
    assert statistics.dropped_pieces >= 1
    assert np.linalg.norm(mesh.vertices, axis=1).max() < 0.65


def test_noisy_depth_is_averaged_out(tmp_path: Path) -> None:
    field = MeshField(bumpy_sphere(), noise=0.01)
    mesh, statistics = extract_mesh(field, scene_of(tmp_path, field, around(16)), FACES, BUDGET)
    assert statistics.components == 1
    assert f_score(mesh, bumpy_sphere(), 0.02) > 0.95


def test_a_field_without_a_surface_is_an_error_that_says_so(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, MeshField(bumpy_sphere()), around(4))
    with pytest.raises(ReconstructionError) as caught:
        extract_mesh(EmptyField(), scene, FACES, BUDGET)
    assert caught.value.code == "EmptyMesh"


def test_no_more_rays_are_rendered_than_the_budget_allows(tmp_path: Path) -> None:
    rendered = []

    class Counting(MeshField):
        def render(self, camera):
            rendered.append(camera.width * camera.height)
            return super().render(camera)

    field = Counting(bumpy_sphere())
    scene = scene_of(tmp_path, field, around(12))
    rendered.clear()
    extract_mesh(field, scene, FACES, Budget(views=8, rays=50_000))
    assert len(rendered) == 8
    assert sum(rendered) <= 52_000
