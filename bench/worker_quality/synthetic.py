"""A synthetic object that photos can go all around: a bumpy ball in a ring, with a cone on top, on a block.

Every part is a surface p(u, v) with a quarter of the texture to itself; the texture is a function of space, so that it
has no seams. Axes as in demo_photos: y up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo_photos.cameras import View, look_at
from demo_photos.render import TexturedMesh, photograph

Array = NDArray[np.float64]
Surface = Callable[[Array, Array], Array]

FIELD_OF_VIEW_DEGREES = 40.0
DISTANCE = 3.2
TEXTURE_SIDE = 512
"""Of one part's quarter."""
MARGIN = 0.02
"""Of a quarter, on each side, so that parts don't bleed into each other."""
GRID = 160
Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""From y up to z up, the convention of transforms.json."""


def write_object(folder: Path, size: int = 100, train: int = 32, held_out: int = 6) -> None:
    """Photos with alpha, and `transforms.json` with their poses and which of them are held out."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = _mesh(folder)
    spread = math.radians(90)
    cameras = {
        "train": _around(train, (-20, 65), 0.0),
        "test": _around(held_out, (-8, 50), spread),
    }
    focal = size / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEGREES) / 2)
    frames, shares = [], {}
    for share, poses in cameras.items():
        shares[share] = [f"{share}-{number:02d}.png" for number in range(len(poses))]
        for name, pose in zip(shares[share], poses, strict=True):
            photograph(scene, View(pose, focal, size)).save(folder / name)
            frames.append({"file_path": name, "transform_matrix": (Z_UP @ pose).tolist()})
    document = {
        "camera_model": "PINHOLE",
        "fl_x": focal,
        "fl_y": focal,
        "cx": size / 2,
        "cy": size / 2,
        "w": size,
        "h": size,
        "train_filenames": shares["train"],
        "test_filenames": shares["test"],
        "val_filenames": shares["test"],
        "frames": frames,
    }
    (folder / "transforms.json").write_text(json.dumps(document, indent=1))


def _around(count: int, elevations: tuple[float, float], first: float) -> list[Array]:
    """Camera-to-world matrices on a sphere, evenly by area between two elevations in degrees (golden angle)."""
    low, high = (math.sin(math.radians(elevation)) for elevation in elevations)
    poses = []
    for index in range(count):
        height = low + (high - low) * (index + 0.5) / count
        azimuth, across = first + index * math.pi * (3 - math.sqrt(5)), math.sqrt(1 - height**2)
        eye = DISTANCE * np.array([across * math.sin(azimuth), height, across * math.cos(azimuth)])
        poses.append(look_at(eye, np.zeros(3)))
    return poses


@dataclass(frozen=True)
class Part:
    """A surface and the colour that its texture varies."""

    surface: Surface
    colour: tuple[float, float, float]


def _ball(u: Array, v: Array) -> Array:
    a, e = 2 * np.pi * u, np.pi * (v - 0.5)
    p = np.stack([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)], -1)
    bumps = 1 + 0.12 * np.sin(5 * p[..., 0]) * np.sin(6 * p[..., 1]) * np.sin(4 * p[..., 2])
    return 0.55 * p * bumps[..., None] + [0, 0.05, 0]


def _ring(u: Array, v: Array) -> Array:
    a, b = 2 * np.pi * u, 2 * np.pi * v
    radius = 0.72 + 0.11 * np.cos(b)
    x, y, z = radius * np.sin(a), 0.11 * np.sin(b), radius * np.cos(a)
    tilt = 0.45
    return np.stack([x, np.cos(tilt) * y - np.sin(tilt) * z + 0.05, np.sin(tilt) * y + np.cos(tilt) * z], -1)


def _cone(u: Array, v: Array) -> Array:
    a = 2 * np.pi * u
    return np.stack([0.22 * (1 - v) * np.sin(a) + 0.1, 0.5 + 0.42 * v, 0.22 * (1 - v) * np.cos(a)], -1)


def _block(u: Array, v: Array) -> Array:
    """A superellipsoid, nearly a box (Barr 1981)."""
    a, e = 2 * np.pi * u, np.pi * (v - 0.5)

    def bent(wave: Array) -> Array:
        return np.sign(wave) * np.abs(wave) ** 0.25

    across = bent(np.cos(e))
    return np.stack(
        [0.45 * across * bent(np.sin(a)), 0.175 * bent(np.sin(e)) - 0.6, 0.35 * across * bent(np.cos(a))], -1
    )


PARTS = (
    Part(_ball, (0.85, 0.35, 0.25)),
    Part(_ring, (0.25, 0.55, 0.85)),
    Part(_block, (0.95, 0.80, 0.30)),
    Part(_cone, (0.35, 0.75, 0.40)),
)


def _colour(points: Array, base: tuple[float, float, float]) -> Array:
    """Clouds at two scales and dark stripes with hard edges."""
    shades = 0.5 * clouds(points, 3, 1) + 0.3 * clouds(points, 8, 2)
    colour = np.array(base) * (0.45 + 0.9 * shades)[..., None]
    stripes = np.sin(14 * points[..., 1] + 3 * clouds(points, 2, 5)) > 0.55
    return np.clip(np.where(stripes[..., None], 0.35 * colour + 0.1, colour), 0, 1)


def clouds(points: Array, frequency: float, seed: int) -> Array:
    """Value noise (Perlin 1985) in 0..1 of points [..., 3]."""
    table = np.random.default_rng(seed).random((32, 32, 32))
    scaled = points * frequency
    cell = np.floor(scaled).astype(np.int64)
    along = scaled - cell
    along = along * along * (3 - 2 * along)
    total = np.zeros(points.shape[:-1])
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, along, 1 - along), axis=-1)
        total += weight * table[tuple(np.moveaxis((cell + corner) % 32, -1, 0))]
    return total


def _mesh(folder: Path) -> TexturedMesh:
    """Through an OBJ file and its picture, which stay out of the photos."""
    scratch = folder.with_name(f"{folder.name}-model")
    scratch.mkdir(exist_ok=True)
    texture = np.zeros((2 * TEXTURE_SIDE, 2 * TEXTURE_SIDE, 3), np.uint8)
    lines: list[str] = []
    for number, part in enumerate(PARTS):
        row, column = divmod(number, 2)
        _paint(texture[row * TEXTURE_SIDE :, column * TEXTURE_SIDE :][:TEXTURE_SIDE, :TEXTURE_SIDE], part)
        lines += _obj(part, row, column, first=1 + number * (GRID + 1) ** 2)
    (scratch / "object.obj").write_text("\n".join(lines))
    Image.fromarray(texture).save(scratch / "object.png")
    return TexturedMesh.load(scratch / "object.obj", scratch / "object.png")


def _paint(quarter: NDArray[np.uint8], part: Part) -> None:
    along = ((np.arange(TEXTURE_SIDE) + 0.5) / TEXTURE_SIDE - MARGIN) / (1 - 2 * MARGIN)
    u, v = np.meshgrid(along, np.clip(along[::-1], 0, 1))
    quarter[:] = 255 * _colour(part.surface(u, v), part.colour) + 0.5


def _obj(part: Part, row: int, column: int, first: int) -> list[str]:
    """Vertices, texture coordinates and faces of one part; faces are seen from outside."""
    along = np.linspace(0, 1, GRID + 1)
    u, v = (grid.ravel() for grid in np.meshgrid(along, along))
    points = part.surface(u, v)
    inner = MARGIN + np.stack([u, v], -1) * (1 - 2 * MARGIN)
    coordinates = (inner + np.array([column, 1 - row])) / 2
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in points]
    lines += [f"vt {x:.6f} {y:.6f}" for x, y in coordinates]
    for j in range(GRID):
        for i in range(GRID):
            a = first + j * (GRID + 1) + i
            b, c, d = a + 1, a + GRID + 2, a + GRID + 1
            lines += [f"f {a}/{a} {b}/{b} {c}/{c}", f"f {a}/{a} {c}/{c} {d}/{d}"]
    return lines
