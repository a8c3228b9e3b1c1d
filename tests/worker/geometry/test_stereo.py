"""Open scenes: the photos and the sparse points make up for a field whose depth is poor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from reconstruction_worker.geometry.agreement import agreed
from reconstruction_worker.geometry.depth_budget import Budget
from reconstruction_worker.geometry.extract import extract_mesh
from reconstruction_worker.geometry.field_depth import DepthMap, render_depth, windows
from reconstruction_worker.geometry.landmarks import Landmarks, landmarks
from reconstruction_worker.geometry.mesh import Mesh, component_labels, with_faces
from reconstruction_worker.geometry.photo_depth import photo_depth
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera, Rendering
from reconstruction_worker.geometry.scene import Scene, load_scene
from reconstruction_worker.geometry.semiglobal import smoothest
from reconstruction_worker.geometry.sky import sky
from reconstruction_worker.geometry.sparse import SparsePoints, in_frame, load_points
from reconstruction_worker.geometry.stereo import stereo_maps
from reconstruction_worker.geometry.sweep import planes_through
from reconstruction_worker.stages.mesh import summary

from .compare import f_score
from .scenes import MeshField, around, bumpy_sphere, from_above, hills, look_at, speckled, write_poses

BUDGET = Budget(most_rays=200_000)
FACES = 4_000
LUMPS = 0.15


def lumpy(truth: Mesh) -> MeshField:
    """A field that has the ground in the wrong place, here too high, there too deep."""
    x, y, _ = truth.vertices.T
    lumps = LUMPS * np.sin(6 * x + 1) * np.cos(5 * y)
    return MeshField(Mesh(truth.vertices + lumps[:, None] * [0, 0, 1], truth.faces))


@dataclass(frozen=True)
class Survey:
    truth: Mesh
    scene: Scene
    points: SparsePoints


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """Hills with fine, irregular detail, photographed from above, and 500 accurate points on them."""
    workspace, truth = tmp_path_factory.mktemp("survey"), hills(3.2, 160)
    write_poses(workspace, MeshField(truth), from_above(), bounded=False)
    scene, caster = load_scene(workspace), Caster(truth)
    for view in scene.views:
        points = caster.view(view.camera).interpolate(truth.faces, truth.vertices)
        waves = np.sin(points @ [61, 37, 23]) * np.sin(points @ [-29, 53, 41]), np.sin(points @ [17, -71, 67])
        grey = (0.5 + 0.25 * waves[0] + 0.2 * waves[1]).clip(0, 1)
        Image.fromarray((np.dstack([grey] * 3) * 255).astype(np.uint8)).save(view.image)
    mesh = trimesh.Trimesh(truth.vertices, truth.faces, process=False)
    positions = np.asarray(trimesh.sample.sample_surface(mesh, 500, seed=3)[0])
    return Survey(truth, scene, SparsePoints(positions, {view.name: in_frame(view, positions) for view in scene.views}))


def middle(mesh: Mesh) -> Mesh:
    """The part that many photos show."""
    return with_faces(mesh, (np.abs(mesh.vertices[mesh.faces].mean(axis=1)[:, :2]) < 0.8).all(axis=1))


def test_terrain_is_where_the_photos_say_although_the_field_is_lumpy(survey: Survey) -> None:
    field = lumpy(survey.truth)
    mesh, statistics = extract_mesh(field, survey.scene, FACES, BUDGET, points=survey.points)
    assert f_score(middle(mesh), middle(survey.truth), 0.02) > 0.97
    assert component_labels(mesh)[0] == 1
    assert 1000 < len(mesh.faces) <= FACES
    assert statistics.confirmed_share is not None
    assert statistics.confirmed_share > 0.5
    as_trained, _ = extract_mesh(field, survey.scene, FACES, BUDGET)
    assert f_score(middle(as_trained), middle(survey.truth), 0.02) < 0.9


def test_depth_of_a_photo_is_accurate_to_a_fraction_of_a_percent(survey: Survey) -> None:
    found = stereo_maps(list(survey.scene.views), {}, survey.points)
    assert found is not None
    errors, caster = [], Caster(survey.truth)
    for one in found.maps:
        truth = caster.view(one.camera).distance
        sure = (one.alpha > 0) & np.isfinite(truth)
        errors.append(np.abs(one.distance - truth)[sure] / truth[sure])
    assert np.quantile(np.concatenate(errors), 0.9) < 0.005


def test_photos_without_points_are_compared_where_the_field_has_a_surface(survey: Survey) -> None:
    nothing = SparsePoints(np.empty((0, 3)), {view.name: np.empty(0, np.int64) for view in survey.scene.views})
    assert stereo_maps(list(survey.scene.views), {}, nothing) is None
    mesh, statistics = extract_mesh(lumpy(survey.truth), survey.scene, FACES, BUDGET, points=nothing)
    assert statistics.confirmed_share is not None
    assert statistics.confirmed_share > 0.5
    assert f_score(middle(mesh), middle(survey.truth), 0.02) > 0.97


def test_a_photo_that_shows_nothing_known_is_left_out_and_it_is_said_why(survey: Survey) -> None:
    odd = survey.scene.views[5]
    seen = {name: points if name != odd.name else points[:3] for name, points in survey.points.seen.items()}

    class Blind(MeshField):
        def render(self, camera: Camera) -> Rendering:
            shown = super().render(camera)
            here = np.allclose(camera.camera_to_world, odd.camera.camera_to_world)
            return replace(shown, alpha=np.zeros_like(shown.alpha)) if here else shown

    known = SparsePoints(survey.points.positions, seen)
    mesh, document = extract_mesh(Blind(lumpy(survey.truth).mesh), survey.scene, FACES, BUDGET, points=known)
    assert document.without_photo_depth == {odd.name: "3 points are known in it; 12 are needed"}
    assert f_score(middle(mesh), middle(survey.truth), 0.02) > 0.95
    line = summary(document, {Path(odd.name).stem: "DSC_0005.JPG"})
    assert "DSC_0005.JPG: no depth of its own, for 3 points are known in it; 12 are needed" in line
    assert f"photos confirm {document.confirmed_share:.0%} of their depth" in line


def test_near_and_far_in_one_photo_are_both_found(survey: Survey) -> None:
    """The same photos, each seen together with a wall a hundred times as far away."""
    views = list(survey.scene.views)
    windows = {view.name: view.camera for view in views}
    field = dict(zip(windows, render_depth(lumpy(survey.truth), list(windows.values())), strict=True))
    known = landmarks(views, field, survey.points, survey.scene.box)
    far = views[0].camera.camera_to_world[:3, 3] + np.array([[0.1 * k, 0, -150.0] for k in range(30)])
    wide = Landmarks(
        np.concatenate([known.positions, far]),
        np.concatenate([known.seen, np.ones((len(views), len(far)), np.bool_)], axis=1),
        known.accurate,
    )
    found = photo_depth(views, windows, field, wide, pixels=100_000)
    assert found.left_out == {}
    assert found.confirmed > 0.5


def test_objects_with_masks_have_depth_of_their_photos_too(tmp_path: Path) -> None:
    truth = bumpy_sphere()
    write_poses(tmp_path, MeshField(truth), around(24, size=320), bounded=True)
    scene = load_scene(tmp_path)
    for view in scene.views:
        speckled(view, truth)
    inflated = MeshField(Mesh(truth.vertices * 1.03, truth.faces))
    points = SparsePoints(np.empty((0, 3)), {view.name: np.empty(0, np.int64) for view in scene.views})
    views = list(scene.views)
    seen = windows(scene, views)
    field = dict(zip(seen, render_depth(inflated, list(seen.values())), strict=True))
    found = photo_depth(views, seen, field, landmarks(views, field, points, scene.box), pixels=4_000_000)
    assert found.confirmed > 0.5
    caster, errors = Caster(truth), []
    for one in found.maps:
        right = caster.view(one.camera).distance
        sure = (one.trust > 0.02) & np.isfinite(right)
        errors.append(np.abs(one.distance - right)[sure])
    assert np.median(np.concatenate(errors)) < 0.003


def test_photos_that_show_near_and_far_at_once_are_left_to_the_field(survey: Survey) -> None:
    camera, other = (survey.scene.views[n].camera for n in (0, 1))
    eye, forward = camera.camera_to_world[:3, 3], -camera.camera_to_world[:3, 2]
    assert planes_through(camera, survey.points.of(survey.scene.views[0]), [other]) is not None
    street = eye + np.geomspace(0.05, 5, 100)[:, None] * forward
    assert planes_through(camera, street, [other]) is None


def test_only_what_other_maps_confirm_is_kept(survey: Survey) -> None:
    maps = render_depth(MeshField(survey.truth), [view.camera for view in survey.scene.views[:6]])
    wrong = maps[2].distance.copy()
    wrong[60:100, 60:100] += 0.3
    maps[2] = DepthMap(maps[2].camera, wrong, maps[2].alpha, maps[2].trust)
    kept = agreed(maps).maps[2].alpha
    assert kept[65:95, 65:95].max() == 0
    assert kept[70:90, 20:50].mean() > 0.9


def test_the_smoothest_map_ignores_single_good_matches_elsewhere() -> None:
    cost = np.ones((10, 30, 30), np.float32)
    cost[4] = 0.3
    cost[8, 12, 17] = 0.0
    assert np.abs(smoothest(cost, np.full((30, 30), 100, np.float32)) - 4).max() < 0.5


def test_points_are_those_that_the_poses_were_found_with(survey: Survey, tmp_path: Path) -> None:
    write_poses(tmp_path, MeshField(survey.truth), from_above()[:2], bounded=False)
    scene = load_scene(tmp_path)
    assert len(load_points(tmp_path, scene).positions) == 0
    table = np.zeros(3, [("position", "<f4", 3), ("colour", "u1", 3)])
    table["position"] = [[-0.5, -0.5, 0], [0, 0, 0.1], [0, 0, 9]]
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 3\nproperty float x\nend_header\n"
    (tmp_path / "poses" / "points.ply").write_bytes(head.encode() + table.tobytes())
    first, second = (view.name for view in scene.views)
    assert load_points(tmp_path, scene).seen[first].tolist() == [0, 1]
    np.savez(tmp_path / "poses" / "observations.npz", frame=[0, 1, 1], point=[1, 0, 2])
    found = load_points(tmp_path, scene)
    assert found.seen[first].tolist() == [1]
    assert found.of(scene.views[1]) == pytest.approx(table["position"][[0, 2]])
    assert found.seen[second].tolist() == [0, 2]


def test_sky_is_no_surface_and_a_wall_is_one() -> None:
    camera = look_at(np.array([0.0, -3.0, 0.2]), size=120)
    photo = np.random.default_rng(0).integers(0, 255, (120, 120, 3)).astype(np.uint8)
    photo[:40] = [190, 205, 235]
    photo[:40, 60:] = [230, 220, 200]
    nowhere, everywhere = np.zeros((120, 120), np.bool_), np.ones((120, 120), np.bool_)
    found = sky(photo, camera, nowhere)
    assert found[:34, :54].all()
    assert not found[48:].any()
    assert not found[:, 70:].any()
    assert not sky(photo, camera, everywhere).any()
    assert not sky(photo, look_at(np.array([0.0, -1.0, 4.0]), size=120), nowhere).any()


def test_a_deep_blue_sky_with_clouds_is_sky_and_what_stands_before_it_is_not() -> None:
    camera = look_at(np.array([0.0, -3.0, 0.2]), size=120)
    random = np.random.default_rng(0)
    photo = random.integers(0, 255, (120, 120, 3)).astype(np.uint8)
    photo[:40] = [40, 75, 150]
    photo[10:20, 20:50] = random.integers(150, 255, (10, 30, 1))
    photo[:60, 90:100] = random.integers(0, 255, (60, 10, 3))
    found = sky(photo, camera, np.zeros((120, 120), np.bool_))
    assert found[:34, :84].all(), "with the cloud"
    assert not found[:, 93:97].any()
