"""The mesh of a field whose surface is known."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.geometry.depth_budget import Budget
from reconstruction_worker.geometry.extract import extract_mesh
from reconstruction_worker.geometry.field_depth import render_depth
from reconstruction_worker.geometry.fine_surface import fused_surface
from reconstruction_worker.geometry.mesh import Mesh, component_labels, face_normals, with_faces
from reconstruction_worker.geometry.pieces import supported_pieces
from reconstruction_worker.geometry.scene import Scene, load_scene
from reconstruction_worker.geometry.surface import iso_surface, observed
from reconstruction_worker.geometry.tsdf import Grid, fuse

from .compare import f_score
from .scenes import EmptyField, MeshField, around, bumpy_sphere, from_above, hills, in_front, write_poses

BUDGET = Budget(most_rays=150_000)
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


def test_a_small_thing_beside_a_large_one_stays(tmp_path: Path) -> None:
    both = beside(bumpy_sphere(0.5), bumpy_sphere(0.06))
    mesh, statistics = extract_mesh(MeshField(both), scene_of(tmp_path, MeshField(both), around(14)), FACES, BUDGET)
    assert statistics.components == 2
    assert np.linalg.norm(mesh.vertices, axis=1).max() > 0.9
    only, statistics = extract_mesh(MeshField(both), load_scene(tmp_path), FACES, BUDGET, min_piece_share=0.05)
    assert statistics.components == 1
    assert 0 < statistics.largest_dropped_share < 0.05
    assert np.linalg.norm(only.vertices, axis=1).max() < 0.65


def test_a_floater_that_most_cameras_see_past_is_dropped_and_counted() -> None:
    ball = bumpy_sphere(0.5)
    both = beside(ball, bumpy_sphere(0.06))
    cameras = around(14)
    maps = [*render_depth(MeshField(both), cameras[:4]), *render_depth(MeshField(ball), cameras[4:])]
    found = supported_pieces(both, maps, 0.02, share=None, carve=True)
    assert (found.unsupported, found.specks) == (1, 0)
    assert len(found.mesh.faces) == len(ball.faces)
    assert found.largest_dropped == pytest.approx((0.06 / 0.5) ** 2, rel=0.01)
    seen_by_all = supported_pieces(both, render_depth(MeshField(both), cameras), 0.02, share=None, carve=True)
    assert len(seen_by_all.mesh.faces) == len(both.faces)


@pytest.mark.parametrize(("looks", "confirmed", "stays"), [(4, False, False), (8, True, True), (14, False, True)])
def test_what_only_the_field_shows_must_be_seen_by_many(looks: int, confirmed: bool, stays: bool) -> None:
    both = beside(bumpy_sphere(0.5), bumpy_sphere(0.06))
    maps = []
    for number, one in enumerate(render_depth(MeshField(both), around(14))):
        small = np.linalg.norm(one.points() - [0.75, 0, 0.6], axis=-1) < 0.1
        trust = np.where(small & (not confirmed), np.float32(0.005), one.trust)
        alpha = np.where(small & (number >= looks), np.float32(0), one.alpha)
        maps.append(replace(one, trust=trust, alpha=alpha))
    found = supported_pieces(both, maps, 0.02, share=None, carve=False)
    assert component_labels(found.mesh)[0] == (2 if stays else 1)
    assert found.unsupported == (0 if stays else 1)


def test_a_narrow_open_strip_is_a_rag_and_a_wider_one_is_none() -> None:
    assert rags_beside(strip_width=0.012) == 1
    assert rags_beside(strip_width=0.1) == 0


def rags_beside(strip_width: float) -> int:
    """Of a ball and a sheet of this width below the cameras' eyes."""
    sheet = hills(1.0, 40)
    strip = Mesh(sheet.vertices * [0.3, strip_width, 0] - [0.75, 0, 0], sheet.faces)
    both = beside(bumpy_sphere(0.5), strip)
    maps = render_depth(MeshField(both), around(14, low=0.2))
    found = supported_pieces(both, maps, 0.02, share=None, carve=False)
    assert component_labels(found.mesh)[0] == 2 - found.specks
    return found.specks


def test_a_fringe_that_photos_do_not_confirm_is_trimmed_and_the_rest_stays() -> None:
    terrain = hills()
    maps = []
    for number, one in enumerate(render_depth(MeshField(terrain), from_above())):
        outside = np.abs(one.points()[..., 0]) > 0.6
        trust = np.where(outside, np.float32(0.005), one.trust)
        alpha = np.where(outside & (number not in (1, 5)), np.float32(0), one.alpha)
        maps.append(replace(one, trust=trust, alpha=alpha))
    confirmed = observed(terrain, maps, 0.02, 2, patch=0.06)
    assert confirmed.vertices[:, 0].min() > -0.66
    as_before = observed(terrain, [replace(one, trust=one.alpha) for one in maps], 0.02, 2, patch=0.06)
    assert as_before.vertices[:, 0].min() < -0.7


def beside(one: Mesh, other: Mesh) -> Mesh:
    """Both, the other away to one side."""
    return Mesh(
        np.concatenate([one.vertices, other.vertices + np.array([0.75, 0, 0.6])]),
        np.concatenate([one.faces, other.faces + np.int32(len(one.vertices))]),
    )


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


def test_all_views_count_and_no_more_rays_than_the_budget_allows_are_cast(tmp_path: Path) -> None:
    rendered = []

    class Counting(MeshField):
        def render(self, camera):
            rendered.append(camera.width * camera.height)
            return super().render(camera)

    field = Counting(bumpy_sphere())
    scene = scene_of(tmp_path, field, around(12))
    rendered.clear()
    extract_mesh(field, scene, FACES, Budget(most_rays=50_000))
    assert len(rendered) == 12
    assert sum(rendered) <= 52_000


def test_a_fast_field_gets_more_rays_than_a_slow_one() -> None:
    camera = around(1, size=800)[0]

    class Slow(MeshField):
        def render(self, camera):
            time.sleep(0.2)
            return super().render(camera)

    budget = Budget(most_rays=4_000_000, least_rays=500_000, seconds=1.0)
    assert budget.rays(Slow(bumpy_sphere()), camera) == 500_000
    assert budget.rays(EmptyField(), camera) == 4_000_000


def test_a_fine_grid_has_the_surface_of_a_whole_one_and_no_seams() -> None:
    field = MeshField(bumpy_sphere())
    maps = render_depth(field, around(16, size=400))
    bounds = np.array([[-0.8] * 3, [0.8] * 3])
    fine = fused_surface(maps, bounds, 300, bounded=True)
    assert fine is not None
    main = max_piece(fine)
    assert main.is_watertight()
    whole = iso_surface(fuse(maps, Grid.around(bounds, 300), carve=True), unseen_is_solid=True)
    assert whole is not None
    assert abs(main.area() / max_piece(whole).area() - 1) < 1e-3


def max_piece(mesh: Mesh) -> Mesh:
    count, labels = component_labels(mesh)
    return with_faces(mesh, labels == np.bincount(labels, minlength=count).argmax())
