"""Where Gaussians begin: at what is known of the surface."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reconstruction_worker.engines.splats.seed_sources import (
    Shots,
    between_points,
    from_depth_maps,
    inside_hull,
    sparse,
)
from reconstruction_worker.engines.splats.seeds import Seeds
from reconstruction_worker.engines.splats.stereo_seeds import from_stereo
from reconstruction_worker.engines.training.posed_photos import PosedPhoto, Scene, read_scene
from reconstruction_worker.engines.training.scene_bounds import Bounds
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from tests.worker.engines.tiny_scene import RADIUS, ball_depth, write_ball
from tests.worker.geometry.scenes import MeshField, from_above, hills, write_poses

SIZE = 48
ANYWHERE = Bounds(0.1, 10.0)


def shots_of(scene: Scene) -> Shots:
    gains = [np.ones(3, np.float32) for _ in scene.photos]
    return Shots(scene, scene.photos, [photo.pixels() for photo in scene.photos], gains)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def off_the_ball(seeds: Seeds) -> np.ndarray:
    return np.abs(np.linalg.norm(seeds.points, axis=1) - RADIUS)


@pytest.fixture
def ball(tmp_path: Path) -> Scene:
    write_ball(tmp_path, views=6, size=SIZE)
    return read_scene(tmp_path)


def test_depth_maps_put_seeds_on_the_surface_in_the_photos_colours(ball: Scene, tmp_path: Path) -> None:
    photos = []
    for photo in ball.photos:
        depths = ball_depth(photo.camera.camera_to_world, photo.camera.fx, SIZE)
        file = tmp_path / f"{photo.name}.depth.png"
        Image.fromarray((depths * 1000).astype(np.uint16)).save(file)
        photos.append(replace(photo, depth=file))
    seeds = from_depth_maps(shots_of(replace(ball, photos=tuple(photos))), 600, random())
    assert 200 < len(seeds) <= 700
    assert np.quantile(off_the_ball(seeds), 0.9) < 0.03
    truth = 0.5 + 0.4 * np.sin(seeds.points * [3, 2.5, 2] / RADIUS + [0, 1, 2])
    assert np.median(np.abs(seeds.colours - truth)) < 0.05


def test_points_that_one_photo_shows_are_no_seeds(ball: Scene) -> None:
    points = np.array([[0.0, 0.0, 0.6], [0.1, 0.0, 0.59]])
    seen = np.array([[0, 0], [1, 0], [0, 1]])
    seeds = sparse(shots_of(replace(ball, points=points, observations=seen)))
    assert seeds.points.tolist() == [points[0].tolist()]


def test_between_points_depth_is_interpolated(ball: Scene) -> None:
    surface = random().normal(size=(400, 3))
    surface *= RADIUS / np.linalg.norm(surface, axis=1, keepdims=True)
    facing = np.array([surface @ photo.camera.camera_to_world[:3, 3] > 1.0 for photo in ball.photos])
    known = replace(ball, points=surface, observations=np.argwhere(facing))
    seeds = between_points(shots_of(known), 500, random())
    assert len(seeds) > 100
    assert np.median(off_the_ball(seeds)) < 0.12


def test_without_anything_known_seeds_are_in_the_box(ball: Scene) -> None:
    seeds = inside_hull(shots_of(ball), Bounds(1.0, 5.0), 200, random())
    assert len(seeds) == 200
    assert (np.abs(seeds.points) <= 1).all()


@dataclass(frozen=True)
class Terrain:
    scene: Scene
    caster: Caster


@pytest.fixture
def terrain(tmp_path: Path) -> Terrain:
    """Three photos of hills with fine detail from neighbouring positions, and 300 points that they show."""
    truth: Mesh = hills(3.2, 120)
    caster = Caster(truth)
    write_poses(tmp_path, MeshField(truth), from_above()[:3], bounded=False)
    scene = read_scene(tmp_path)
    for photo in scene.photos:
        points = caster.view(photo.camera).interpolate(truth.faces, truth.vertices)
        waves = np.sin(points @ [61, 37, 23]) * np.sin(points @ [-29, 53, 41]), np.sin(points @ [17, -71, 67])
        grey = (0.5 + 0.25 * waves[0] + 0.2 * waves[1]).clip(0, 1)
        Image.fromarray((np.dstack([grey] * 3) * 255).astype(np.uint8)).save(photo.file)
    points = truth.vertices[random().integers(len(truth.vertices), size=300)]
    observations = [
        (number, point) for number, photo in enumerate(scene.photos) for point in np.flatnonzero(in_view(photo, points))
    ]
    return Terrain(replace(scene, points=points, observations=np.array(observations)), caster)


def in_view(photo: PosedPhoto, points: np.ndarray) -> np.ndarray:
    camera = photo.camera
    local = (points - camera.camera_to_world[:3, 3]) @ camera.camera_to_world[:3, :3]
    x, y = local[:, 0] / -local[:, 2] * camera.fx + camera.cx, local[:, 1] / local[:, 2] * camera.fy + camera.cy
    return (local[:, 2] < 0) & (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)


def test_few_photos_that_agree_put_seeds_on_the_surface(terrain: Terrain) -> None:
    seeds = from_stereo(shots_of(terrain.scene), ANYWHERE, 2000, random())
    assert 500 < len(seeds) <= 2000
    eye = terrain.scene.photos[0].camera.camera_to_world[:3, 3]
    towards = seeds.points - eye
    away = np.linalg.norm(towards, axis=1)
    truth = terrain.caster.cast(np.tile(eye, (len(towards), 1)), towards / away[:, None]).distance
    sure = np.isfinite(truth)
    assert np.median(np.abs(away - truth)[sure] / away[sure]) < 0.01


def test_photos_without_points_give_no_seeds_by_stereo(ball: Scene) -> None:
    assert len(from_stereo(shots_of(ball), ANYWHERE, 100, random())) == 0


def test_seeds_that_are_known_already_are_left_out() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), -1).reshape(-1, 3)
    known = Seeds(grid, np.zeros_like(grid))
    more = Seeds(np.array([[0.1, 0.0, 0.0], [9.0, 0.0, 0.0]]), np.zeros((2, 3)))
    assert more.away_from(known).points.tolist() == [[9.0, 0.0, 0.0]]
