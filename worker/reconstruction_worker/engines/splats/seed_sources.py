"""What is known of a scene's surfaces before anything is trained: points of the sparse model, depth maps, what can be
interpolated between the points, the hull of the masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ...geometry.rendering import Camera
from ..training.point_colours import point_colours
from ..training.posed_photos import PosedPhoto, Scene
from ..training.scene_bounds import Bounds
from .seeds import Seeds

WITNESSES = 2
"""Photos that must show a point of the sparse model."""
FEWEST_POINTS = 4
"""Points that a photo must show for depths between them to be interpolated."""
DEPTH_NOISE = 0.03
"""Standard deviation, as a share, that interpolated depths are given: none knows better, and training finds its way
from a thick layer more easily than from a thin one in the wrong position."""
OPAQUE_ENOUGH = 230
"""Alpha (0..255) of pixels that show the scene and no background."""
NEAR_PIXELS = 2.0
"""Weight of a point in the interpolation falls to a quarter at this distance from it."""


@dataclass(frozen=True)
class Shots:
    """The photos to train on."""

    scene: Scene
    photos: Sequence[PosedPhoto]
    pictures: Sequence[NDArray[np.uint8]]
    gains: Sequence[NDArray[np.float32]]
    """By how much each is brighter than the scene, channel by channel."""

    def points_of(self, photo: PosedPhoto) -> NDArray[np.float64]:
        """Those of the sparse model that a photo shows. [N, 3]"""
        frame = next(index for index, other in enumerate(self.scene.photos) if other.name == photo.name)
        return self.scene.points[self.scene.observations[self.scene.observations[:, 0] == frame, 1]]


def sparse(shots: Shots) -> Seeds:
    """The sparse model's points, of those that enough photos show."""
    if len(shots.scene.points) == 0:
        return Seeds.none()
    colours, seen = point_colours(shots.scene, shots.photos, shots.pictures)
    known = seen >= WITNESSES
    return Seeds(shots.scene.points[known], colours[known].astype(np.float64) / 255)


def from_depth_maps(shots: Shots, count: int, random: np.random.Generator) -> Seeds:
    """Pixels at the distances that the photos' own depth maps show, about `count` in all."""
    mapped = [shot for shot in zip(shots.photos, shots.pictures, shots.gains, strict=True) if shot[0].depth is not None]
    found = []
    for photo, picture, gains in mapped:
        depths = photo.distances()
        if depths is None:
            continue
        pixels = _grid(picture, count / len(mapped), random)
        rows = (pixels[:, 1] * depths.shape[0] / picture.shape[0]).astype(int)
        columns = (pixels[:, 0] * depths.shape[1] / picture.shape[1]).astype(int)
        z = depths[rows, columns]
        found.append(_at_depths(photo.camera, picture, gains, pixels[z > 0], z[z > 0]))
    return Seeds.together(found)


def between_points(shots: Shots, count: int, random: np.random.Generator) -> Seeds:
    """Pixels as far away as the sparse points around them suggest, about `count` in all: sky and lawns have no points,
    and what nothing is put at stays empty, for Gaussians only multiply where there are some."""
    found = []
    for photo, picture, gains in zip(shots.photos, shots.pictures, shots.gains, strict=True):
        camera = photo.camera
        local = (shots.points_of(photo) - camera.camera_to_world[:3, 3]) @ camera.camera_to_world[:3, :3]
        x, y, z = local[local[:, 2] < -1e-6].T * np.array([[1.0], [-1.0], [-1.0]])
        if len(z) < FEWEST_POINTS:
            continue
        seen = np.stack([x / z * camera.fx + camera.cx, y / z * camera.fy + camera.cy], axis=1)
        pixels = _grid(picture, count / len(shots.photos), random)
        if len(pixels) == 0:
            continue
        away, nearest = (np.asarray(part) for part in KDTree(seen).query(pixels, k=FEWEST_POINTS))
        weights = 1 / (away + NEAR_PIXELS) ** 2
        depths = weights.sum(axis=1) / (weights / z[nearest]).sum(axis=1)
        depths *= np.exp(random.normal(0, DEPTH_NOISE, len(pixels)))
        found.append(_at_depths(camera, picture, gains, pixels, depths))
    return Seeds.together(found)


def inside_hull(shots: Shots, bounds: Bounds, count: int, random: np.random.Generator) -> Seeds:
    """Random places at the surface of the masks' visual hull, in the mean colour of the photos; without masks, anywhere
    in the box."""
    low, high = shots.scene.box if bounds.box is None else np.array(bounds.box)
    mean = np.mean([picture[..., :3].reshape(-1, 3).mean(axis=0) for picture in shots.pictures], axis=0) / 255
    if bounds.hull is None:
        points = random.uniform(low, high, (count, 3))
        return Seeds(points, np.tile(mean, (count, 1)))
    occupied = bounds.hull.occupied.cpu().numpy()
    cells = np.argwhere(occupied & ~_surrounded(occupied))
    chosen = cells[random.integers(len(cells), size=count)] if len(cells) else np.zeros((0, 3))
    side = occupied.shape[0]
    low, high = (corner.cpu().numpy().astype(np.float64) for corner in bounds.hull.box)
    points = low + (chosen + random.random(chosen.shape)) / side * (high - low)
    return Seeds(points, _seen_colours(shots, points, mean))


def _surrounded(occupied: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells with six occupied neighbours."""
    padded = np.pad(occupied, 1)
    inner = slice(1, -1)
    neighbours = [
        *(padded[:-2, inner, inner], padded[2:, inner, inner], padded[inner, :-2, inner]),
        *(padded[inner, 2:, inner], padded[inner, inner, :-2], padded[inner, inner, 2:]),
    ]
    return np.logical_and.reduce(neighbours)


def _seen_colours(shots: Shots, points: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """The colour of each point in the photo whose camera is nearest, of those that show it. [P, 3]"""
    colours = np.tile(mean, (len(points), 1))
    nearest = np.full(len(points), np.inf)
    for photo, picture, gains in zip(shots.photos, shots.pictures, shots.gains, strict=True):
        camera = photo.camera
        local = (points - camera.camera_to_world[:3, 3]) @ camera.camera_to_world[:3, :3]
        z = np.maximum(-local[:, 2], 1e-9)
        column = np.floor(local[:, 0] / z * camera.fx + camera.cx).astype(int)
        row = np.floor(-local[:, 1] / z * camera.fy + camera.cy).astype(int)
        inside = (local[:, 2] < 0) & (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
        better = np.flatnonzero(inside & (z < nearest))
        nearest[better] = z[better]
        colours[better] = picture[row[better], column[better], :3] / 255 / gains
    return colours


def _grid(picture: NDArray[np.uint8], count: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Places [P, 2] (x, y in pixels) all over a picture, about `count`, less those of the background."""
    height, width = picture.shape[:2]
    step = max(1.0, math.sqrt(height * width / max(count, 1)))
    x, y = np.meshgrid(np.arange(step / 2, width, step), np.arange(step / 2, height, step))
    places = np.stack([x, y], axis=-1).reshape(-1, 2)
    places = (places + random.uniform(-step / 3, step / 3, places.shape)).clip(0, [width - 1, height - 1])
    if picture.shape[2] == 3:
        return places
    return places[picture[places[:, 1].astype(int), places[:, 0].astype(int), 3] >= OPAQUE_ENOUGH]


def _at_depths(
    camera: Camera,
    picture: NDArray[np.uint8],
    gains: NDArray[np.float32],
    pixels: NDArray[np.float64],
    depths: NDArray[np.float64],
) -> Seeds:
    """Places of a picture at distances along the camera's axis."""
    x = (pixels[:, 0] - camera.cx) / camera.fx * depths
    y = (pixels[:, 1] - camera.cy) / camera.fy * depths
    points = np.stack([x, -y, -depths], axis=1) @ camera.camera_to_world[:3, :3].T + camera.camera_to_world[:3, 3]
    colours = picture[pixels[:, 1].astype(int), pixels[:, 0].astype(int), :3]
    return Seeds(points, (colours / 255.0 / gains).clip(0, 1))
