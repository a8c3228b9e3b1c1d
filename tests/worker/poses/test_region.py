"""The region of interest: around the object when there are masks, around most points when there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from reconstruction_worker.geometry.local_positions import local_positions
from reconstruction_worker.poses.colmap_cameras import project
from reconstruction_worker.poses.flight import flies_over
from reconstruction_worker.poses.georeference import georeference
from reconstruction_worker.poses.posed_model import PosedModel
from reconstruction_worker.poses.region import SceneKind, convergence_point, find_region, scene_kind
from reconstruction_worker.poses.silhouettes import Silhouette
from reconstruction_worker.poses.world import settle

from .scenes import Array, a_model, looking

Z = np.array([0.0, 0.0, 1.0])
HALF = np.array([0.5, 0.3, 0.8])
"""Half sizes of a brick that the masks show."""


def brick_points(count: int = 400) -> Array:
    points = np.random.default_rng(0).uniform(-1, 1, (count, 3))
    side = np.arange(count) % 3
    points[np.arange(count), side] = np.sign(points[np.arange(count), side])
    return points * HALF


def around(count: int = 24, distance: float = 4.0) -> Array:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.array(
        [looking(distance * np.array([np.cos(a), np.sin(a), 0.4 * np.sin(2 * a)]), np.zeros(3), Z) for a in angles]
    )


def brick_silhouettes(model: PosedModel) -> list[Silhouette | None]:
    return [Silhouette.of(brick_mask(model, index)) for index in range(len(model.shots))]


def brick_mask(model: PosedModel, index: int) -> NDArray[np.uint8]:
    """The convex outline of the brick in a photo, by testing each pixel's ray against the brick (slabs)."""
    camera, pose = model.cameras[1], model.shots[index].world_from_camera
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    fx, fy, cx, cy = camera.params
    directions = np.stack([(x - cx) / fx, (y - cy) / fy, np.ones_like(x)], -1) @ pose[:3, :3].T
    a, b = ((side * HALF - pose[:3, 3]) / directions for side in (-1, 1))
    hit = np.minimum(a, b).max(-1) < np.maximum(a, b).min(-1)
    return np.where(hit, 255, 0).astype(np.uint8)


def test_masks_make_a_scene_bounded() -> None:
    model = a_model(around(), brick_points())
    silhouettes = brick_silhouettes(model)
    assert scene_kind(silhouettes) is SceneKind.BOUNDED
    assert scene_kind([*silhouettes[:12], *[None] * 12]) is SceneKind.OPEN
    everything = Silhouette.of(np.full((300, 400), 255, np.uint8))
    assert scene_kind([everything] * 5) is SceneKind.OPEN


@pytest.mark.parametrize("count", [400, 0], ids=["with points", "without points"])
def test_the_box_of_a_masked_object_holds_it_tightly(count: int) -> None:
    model = a_model(around(), brick_points(count))
    region = find_region(model, SceneKind.BOUNDED, brick_silhouettes(model))
    assert (region.box[0] <= -HALF + 0.02).all() and (region.box[1] >= HALF - 0.02).all()
    assert np.ptp(region.box, axis=0).max() < 1.3 * 2 * HALF.max()


def test_parts_without_points_are_inside_the_box_when_the_masks_show_them() -> None:
    points = brick_points()
    points = points[points[:, 2] < 0.3]
    model = a_model(around(), points)
    region = find_region(model, SceneKind.BOUNDED, brick_silhouettes(model))
    assert region.box[1, 2] >= HALF[2] - 0.02


def test_half_an_object_without_any_point_is_inside_the_box() -> None:
    """As when photos of its lower half are too different to be matched."""
    points = brick_points(4000)
    points = points[points[:, 2] > 0.35]
    model = a_model(around(), points)
    region = find_region(model, SceneKind.BOUNDED, brick_silhouettes(model))
    assert region.box[0, 2] == pytest.approx(-HALF[2], abs=0.1)
    assert np.abs(region.box[:, :2] - [-HALF[:2], HALF[:2]]).max() < 0.1


def test_what_lies_behind_an_object_seen_from_one_side_is_left_out() -> None:
    """Its outlines tell no depth."""
    angles = np.linspace(-0.6, 0.6, 24)
    poses = np.array(
        [looking(4.0 * np.array([np.cos(a), np.sin(a), 0.2 * np.sin(5 * a)]), np.zeros(3), Z) for a in angles]
    )
    points = brick_points(4000)
    model = a_model(poses, points[points[:, 0] > 0.3])
    region = find_region(model, SceneKind.BOUNDED, brick_silhouettes(model))
    assert region.box[0, 0] > -0.6


def test_near_and_far_enclose_the_object_from_every_camera() -> None:
    model = a_model(around(), brick_points())
    region = find_region(model, SceneKind.BOUNDED, brick_silhouettes(model))
    distances = np.linalg.norm(model.poses[:, None, :3, 3] - brick_points()[None], axis=-1)
    assert 1.0 < region.near <= distances.min()
    assert distances.max() <= region.far < 8.0


def test_stray_points_do_not_blow_up_an_open_scene() -> None:
    points = np.concatenate([brick_points(), np.random.default_rng(1).normal(0, 500, (6, 3))])
    region = find_region(a_model(around(), points), SceneKind.OPEN, [None] * 24)
    assert np.ptp(region.box, axis=0).max() < 4
    assert region.far < 60


def survey(count: int = 25, tilt: float = 0.0) -> Array:
    """Cameras over a square of ground of 40 x 40, at a height of 10."""
    side = int(np.sqrt(count))
    places = [np.array([x, y, 10.0]) for x in np.linspace(-20, 20, side) for y in np.linspace(-20, 20, side)]
    return np.array([looking(place, place + np.array([0, tilt, -1]), np.array([0.0, 1, 0.01])) for place in places])


def ground(half: float, density: int = 4000) -> Array:
    """Points of a square of ground, of which hardly any are near its border."""
    points = np.random.default_rng(2).normal(0, half / 3.5, (density, 3)) * [1, 1, 0.01]
    return points[np.abs(points).max(axis=1) < half]


def test_ground_that_was_flown_over_is_not_cut_where_points_are_few() -> None:
    points = np.concatenate([ground(24.0), np.random.default_rng(1).normal(0, 5000, (10, 3))])
    for tilt in (0.0, 0.5):
        model = a_model(survey(tilt=tilt), points)
        # Who shows a point of the ground is not far from it.
        shots, indices = model.points.observations.T
        away = np.linalg.norm(model.poses[shots, :2, 3] - model.points.xyz[indices, :2], axis=1)
        seen = replace(model.points, observations=model.points.observations[away < 15])
        model = replace(model, points=seen)
        box = find_region(model, SceneKind.OPEN, [None] * 25).box
        inside = ((points[:, :2] > box[0, :2]) & (points[:, :2] < box[1, :2])).all(axis=1)
        assert inside.sum() >= 0.985 * len(points)
        assert np.ptp(box[:, :2], axis=0).max() < 60
        assert np.ptp(box, axis=0)[2] < 12


def test_a_ring_of_cameras_does_not_fly_over_its_table() -> None:
    eyes = [np.array([3 * np.cos(a), 3 * np.sin(a), 3.0]) for a in np.linspace(0, 6, 20)]
    assert not flies_over(np.array([looking(eye, np.zeros(3), Z) for eye in eyes]), 0.0)
    assert flies_over(survey(), 0.0)
    street = np.array([looking(np.array([x, 0.0, 1.6]), np.array([x, 5.0, 1.6]), Z) for x in range(9)])
    assert not flies_over(street, 0.0)


def test_the_world_is_upright_normalised_and_traceable() -> None:
    model = a_model(around(), brick_points())
    world = settle(model, brick_silhouettes(model), [None] * 24, z_up_within_degrees=0)
    box = world.region.box
    assert np.allclose(box.mean(axis=0), 0, atol=1e-9)
    assert np.abs(box).max() == pytest.approx(1)
    assert np.allclose(world.world_from_model.points(model.points.xyz), world.model.points.xyz)
    assert world.up_from == "cameras"
    assert world.metres_per_unit is None
    rotations = world.model.poses[:, :3, :3]
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-9)


def test_gps_makes_the_world_metric() -> None:
    poses = around(distance=40.0)
    model = a_model(poses, 10 * brick_points())
    gps_positions = [3.0 * pose[:3, 3] for pose in poses]
    world = settle(model, [None] * 24, list(gps_positions), z_up_within_degrees=0)
    assert world.up_from == "gps"
    assert world.metres_per_unit is not None
    apart = np.linalg.norm(world.model.poses[0, :3, 3] - world.model.poses[12, :3, 3]) * world.metres_per_unit
    assert apart == pytest.approx(np.linalg.norm(gps_positions[0] - gps_positions[12]), rel=1e-6)


def test_optical_axes_converge_at_the_object_and_parallel_ones_in_front() -> None:
    assert np.allclose(convergence_point(around()), 0, atol=0.01)
    row = np.array([looking(np.array([x, 0.0, 0.0]), np.array([x, 5.0, 0.0]), Z) for x in range(5)])
    point = convergence_point(row)
    assert point[1] > 0.5
    assert project(a_model(row, np.zeros((0, 3))).cameras[1], (point - row[2][:3, 3])[None] @ row[2][:3, :3])[0, 0] > 0


def test_a_world_with_gps_knows_its_place() -> None:
    """From its own units back to the degrees that the photos had."""
    poses = around(distance=40.0)
    model = a_model(poses, 10 * brick_points())
    per_degree = 111_320.0
    gps = [
        (50 + 3 * pose[1, 3] / per_degree, 10 + 3 * pose[0, 3] / (per_degree * np.cos(np.radians(50))), 3 * pose[2, 3])
        for pose in poses
    ]
    world = settle(model, [None] * 24, local_positions(gps), z_up_within_degrees=0)
    place = georeference(world, gps)
    assert place is not None and place.altitude_known
    matrix = np.array(place.metres_from_world)
    east, north, _ = (matrix[:3, :3] @ world.model.poses[:, :3, 3].T).T[5] + matrix[:3, 3]
    assert place.origin.latitude + north / per_degree == pytest.approx(gps[5][0], abs=2e-6)
    assert place.origin.longitude + east / (per_degree * np.cos(np.radians(50))) == pytest.approx(gps[5][1], abs=2e-6)


def test_a_world_without_gps_has_no_place() -> None:
    model = a_model(around(), brick_points())
    world = settle(model, brick_silhouettes(model), [None] * 24, z_up_within_degrees=0)
    assert georeference(world, [None] * 24) is None
