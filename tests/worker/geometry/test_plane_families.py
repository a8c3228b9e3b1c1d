"""Depth of what lies along the direction in which the camera moves: the ground and the walls of a street."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reconstruction_worker.geometry import photo_depth as module
from reconstruction_worker.geometry.cameras import pixel_rays, project
from reconstruction_worker.geometry.field_depth import DepthMap
from reconstruction_worker.geometry.landmarks import Landmarks
from reconstruction_worker.geometry.photo_depth import photo_depth
from reconstruction_worker.geometry.plane_families import FEWEST, WIDE, families
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.geometry.stand_ins import RenderedView
from reconstruction_worker.geometry.sweep import Planes, planes_through

WALL, GROUND, END = 3.0, -1.6, 60.0
"""Metres: walls at both sides, below the camera, and what closes the street."""
APART, PHOTOS, WIDTH, HEIGHT = 1.5, 6, 320, 240


def cameras() -> list[Camera]:
    """Along y, z is up."""
    result = []
    for number in range(PHOTOS):
        pose = np.eye(4)
        pose[:3] = np.stack([[1, 0, 0], [0, 0, 1], [0, -1, 0], [0, APART * number, 0]], axis=1)
        result.append(Camera(pose, 280.0, 280.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT))
    return result


def distances(camera: Camera) -> NDArray[np.float64]:
    """Along the rays, to what the camera sees of the street. [H, W]"""
    rays, y = pixel_rays(camera), camera.camera_to_world[1, 3]
    with np.errstate(divide="ignore"):
        wall, ground, end = WALL / np.abs(rays[..., 0]), GROUND / rays[..., 2], (END - y) / rays[..., 1]
    return np.minimum(np.minimum(wall, end), np.where(rays[..., 2] < 0, ground, np.inf))


def picture(camera: Camera, paint: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Irregular detail of 8 cm on every surface."""
    points = camera.camera_to_world[:3, 3] + pixel_rays(camera) * distances(camera)[..., None]
    u, v = (points[..., 1] * 12).astype(np.float32), ((points[..., 0] + 1.7 * points[..., 2]) * 12).astype(np.float32)
    grey = np.asarray(cv2.remap(paint, u % 1000, (v + 500) % 1000, cv2.INTER_LINEAR), np.uint8)
    return np.dstack([grey, grey, grey, np.full_like(grey, 255)]).astype(np.uint8)


@pytest.fixture(scope="module")
def street() -> tuple[list[RenderedView], Landmarks]:
    random = np.random.default_rng(0)
    paint = cv2.GaussianBlur(random.integers(0, 256, (1024, 1024)).astype(np.uint8), (0, 0), 0.8)
    paint = (paint.astype(np.float32) - paint.min()) * (255 / np.ptp(paint))
    views = [
        RenderedView(f"{number}", camera, Path(f"{number}"), picture=picture(camera, paint.astype(np.uint8)))
        for number, camera in enumerate(cameras())
    ]
    along = random.uniform(3, END, 400)
    side = random.choice([-WALL, WALL], 400)
    points = np.stack([side, along, random.uniform(GROUND, 4, 400)], axis=1)
    points[::3, 0], points[::3, 2] = random.uniform(-WALL, WALL, len(points[::3])), GROUND
    seen = []
    for view in views:
        pixels, depth = project(view.camera, points)
        seen.append((depth > 1) & (pixels >= 0).all(axis=1) & (pixels < [WIDTH, HEIGHT]).all(axis=1))
    return views, Landmarks(points, np.stack(seen), len(points))


def right_share(views: list[RenderedView], known: Landmarks) -> float:
    """Of what is nearer than 25 m, the share whose depth others confirm and is right to 3 %; nothing is known of it but
    the points."""
    nothing = np.zeros((HEIGHT, WIDTH), np.float32)
    windows = {view.name: view.camera for view in views}
    field = {view.name: DepthMap(view.camera, nothing, nothing, nothing) for view in views}
    found = photo_depth(views, windows, field, known, PHOTOS * WIDTH * HEIGHT)
    assert not found.left_out
    right = shown = 0
    for one in found.maps:
        truth = distances(one.camera)
        near = truth < 25
        close = np.abs(one.distance - truth) < 0.03 * truth
        right, shown = right + int((near & close & (one.alpha > 0)).sum()), shown + int(near.sum())
    return right / shown


def test_walls_and_ground_are_found_where_patches_lie_as_they_do(
    street: tuple[list[RenderedView], Landmarks], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_families = right_share(*street)
    monkeypatch.setattr(module, "families", lambda camera, main, points: [main])
    alone = right_share(*street)
    assert with_families > 0.5
    assert with_families > 1.3 * alone


def main_of(
    street: tuple[list[RenderedView], Landmarks], number: int = 0
) -> tuple[Camera, Planes, NDArray[np.float64]]:
    views, known = street
    camera = views[number].camera
    points = known.sparse(number)
    main = planes_through(camera, points, [views[number + 1].camera], 512, 4.0)
    assert main is not None
    return camera, main, points


def test_planes_are_those_of_the_street(street: tuple[list[RenderedView], Landmarks]) -> None:
    camera, main, points = main_of(street)
    slopes = np.array([family.slope for family in families(camera, main, points)[1:]])
    step = main.offsets[1] - main.offsets[0]
    for slope in ([0, 1 / WALL, 0], [0, -1 / WALL, 0], [0, 0, -1 / GROUND]):
        assert np.abs(slopes - slope).max(axis=1).min() < 3 * step


def test_there_are_none_of_few_points_or_where_all_is_about_as_far_away(
    street: tuple[list[RenderedView], Landmarks],
) -> None:
    camera, main, points = main_of(street)
    assert len(families(camera, main, points[: FEWEST - 1])) == 1
    assert len(families(camera, replace(main, offsets=main.offsets[:WIDE]), points)) == 1


def test_planes_are_farther_apart_where_things_are_near_and_far(
    street: tuple[list[RenderedView], Landmarks],
) -> None:
    camera, main, points = main_of(street)
    neighbour = [street[0][1].camera]
    assert planes_through(camera, points, neighbour, len(main.offsets) // 2) is None
    fewer = planes_through(camera, points, neighbour, len(main.offsets) // 2, 4.0)
    assert fewer is not None
    assert len(fewer.offsets) == len(main.offsets) // 2
    assert fewer.offsets[-1] == main.offsets[-1]
