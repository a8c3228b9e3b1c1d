"""Shapes whose surface is known, and from where each is photographed. z is up where nothing else is said."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from demo_photos.__main__ import DEFAULT_CACHE
from demo_photos.cameras import FIELD_OF_VIEW_DEGREES, arc_views
from demo_photos.photos import write_photos
from demo_photos.render import TexturedMesh
from demo_photos.scan import Scan, obtain_scan
from reconstruction_worker.geometry.mesh import Mesh

from ..rendered import Array, looking

SIDE = 480
"""Of the photos, in pixels."""
FACES = 40
"""Photos of the face."""


@dataclass(frozen=True)
class Shape:
    """A surface and from where it is photographed. `poses` are camera-to-world matrices (OpenGL axes)."""

    name: str
    mesh: Callable[[], Mesh]
    poses: Callable[[], list[Array]]
    cut_out: bool = True
    """Whether the photos have alpha: nothing but the shape is in them."""
    focal: float = 1.1
    """In photo widths."""
    write: Callable[[Path], None] | None = None
    """Makes its photos and their `transforms.json`; None for those that `photos` paints."""


def convex() -> Mesh:
    """A superellipsoid (Barr 1981), nearly a box with round edges."""
    ball = trimesh.creation.icosphere(subdivisions=6)
    x, y, z = np.asarray(ball.vertices).T
    bent = np.stack([np.sign(a) * np.abs(a) ** 0.6 for a in (x, y, z)], axis=1)
    return _mesh(trimesh.Trimesh(bent * [0.5, 0.35, 0.4] + [0, 0, 0.4], ball.faces))


def concave() -> Mesh:
    """A bowl on three thin legs with a handle as thick as a pencil."""
    profile = [
        (0.0, 0.32),
        (0.2, 0.34),
        (0.36, 0.46),
        (0.44, 0.66),
        (0.47, 0.86),
        (0.43, 0.86),
        (0.4, 0.68),
        (0.32, 0.5),
    ]
    bowl = trimesh.creation.revolve(np.array([*profile, (0.18, 0.4), (0.0, 0.38)]), sections=160)
    parts = [bowl.subdivide().subdivide()]
    for number in range(3):
        angle = 2 * math.pi * number / 3
        foot, top = (np.array([r * math.cos(angle), r * math.sin(angle), z]) for r, z in ((0.38, 0.0), (0.2, 0.37)))
        parts.append(trimesh.creation.cylinder(0.03, segment=[foot, top], sections=32).subdivide().subdivide())
    handle = trimesh.creation.torus(0.17, 0.028, major_sections=96, minor_sections=32)
    handle.apply_transform(trimesh.transformations.rotation_matrix(math.pi / 2, [1, 0, 0]))
    parts.append(handle.apply_translation([0.55, 0, 0.66]))
    return _mesh(trimesh.util.concatenate(parts))


def terrain() -> Mesh:
    """Hills of four by four with a few houses, from the air."""
    side = 400
    x, y = np.meshgrid(np.linspace(-2, 2, side), np.linspace(-2, 2, side))
    z = 0.25 * np.sin(1.7 * x + 0.5) * np.cos(1.3 * y) + 0.08 * np.sin(5 * x + 2 * y) + 0.03 * np.cos(9 * y)
    for east, north, half, height in ((-0.7, 0.4, 0.22, 0.35), (0.5, -0.6, 0.3, 0.25), (0.9, 0.8, 0.16, 0.5)):
        z = np.where((abs(x - east) < half) & (abs(y - north) < half), 0.2 + height, z)
    first = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate(
        [np.stack([first, first + 1, first + side + 1], 1), np.stack([first, first + side + 1, first + side], 1)]
    )
    return Mesh(np.stack([x, y, z], axis=-1).reshape(-1, 3), faces.astype(np.int32))


def facade() -> Mesh:
    """A house's front with recessed windows, balconies and a cornice, on a pavement."""
    parts = [_slab((-3, 0.15, 0), (3, 0.3, 3)), _slab((-3, -2.5, -0.05), (3, 0.3, 0))]
    columns, sills = (-3, -2.2, -1.4, -0.4, 0.4, 1.4, 2.2, 3), (0, 0.5, 1.2, 1.9, 2.6, 3)
    for left, right in pairwise(columns):
        for low, high in pairwise(sills):
            window = columns.index(left) % 2 == 1 and sills.index(low) in (1, 3)
            if not window:
                parts.append(_slab((left, 0, low), (right, 0.15, high)))
    parts += [_slab((x - 0.5, -0.35, 1.75), (x + 0.5, 0, 1.85)) for x in (-1.8, 1.8)]
    parts.append(_slab((-3, -0.15, 2.85), (3, 0, 3)))
    return _mesh(trimesh.util.concatenate(parts))


def room() -> Mesh:
    """Walls, floor and ceiling of four by three metres from inside, a table, a shelf and a ball."""
    walls = _slab((-2, -1.5, 0), (2, 1.5, 2.4))
    walls.invert()
    parts = [walls, _slab((-0.6, -0.4, 0.7), (0.6, 0.4, 0.76)), _slab((1.6, -1.2, 0), (2, 0.2, 1.6))]
    parts += [_slab((x - 0.04, y - 0.04, 0), (x + 0.04, y + 0.04, 0.7)) for x in (-0.5, 0.5) for y in (-0.3, 0.3)]
    parts.append(trimesh.creation.icosphere(subdivisions=5, radius=0.22).apply_translation([0.1, 0, 0.98]))
    return _mesh(trimesh.util.concatenate(parts))


def _slab(low: tuple[float, float, float], high: tuple[float, float, float]) -> trimesh.Trimesh:
    """A box of small faces."""
    box = trimesh.creation.box(bounds=np.array([low, high]))
    small = trimesh.remesh.subdivide_to_size(box.vertices, box.faces, 0.05)
    return trimesh.Trimesh(small[0], small[1])


def along_street() -> list[Array]:
    """Two rows of photos of a front, each as it is seen when walking by."""
    found = []
    for number in range(30):
        x, height = -2.4 + 4.8 * (number // 2) / 14, (0.9, 1.9)[number % 2]
        aside = 0.5 * math.sin(number)
        found.append(looking(np.array([x, -2.3, height]), np.array([x + aside, 0, 1.4])))
    return found


def from_inside() -> list[Array]:
    """Photos on a loop through the room, each of what lies across."""
    found = []
    for number in range(48):
        angle = 2 * math.pi * number / 48
        eye = np.array([1.2 * math.cos(angle), 1.0 * math.sin(angle), (1.2, 1.7)[number % 2]])
        at = -0.8 * eye + [0, 0, 2.0 - (0.4, 0.9)[number // 2 % 2] - 0.2 * eye[2]]
        found.append(looking(eye, at))
    return found


def face() -> Mesh:
    """The scan that the demo's photos are made of; y is up, in millimetres."""
    scan = _face()
    return _mesh(TexturedMesh.load(scan.mesh, scan.texture).mesh)


def face_poses() -> list[Array]:
    scan = _face()
    scene = TexturedMesh.load(scan.mesh, scan.texture)
    return [view.camera_to_world for view in arc_views(FACES, SIDE, scene.centre, scene.radius)]


def face_photos(folder: Path) -> None:
    write_photos(_face(), folder, FACES, SIDE, ground_truth=folder / "transforms.json")


def _face() -> Scan:
    return obtain_scan(DEFAULT_CACHE)


def around(middle: float, distance: float = 2.2, count: int = 36) -> Callable[[], list[Array]]:
    """Three rings about the axis, the lowest a little above the ground."""

    def poses() -> list[Array]:
        found = []
        for number in range(count):
            azimuth, elevation = 2 * math.pi * number / count, math.radians((8, 28, 52)[number % 3])
            level, height = distance * math.cos(elevation), distance * math.sin(elevation)
            eye = np.array([level * math.sin(azimuth), -level * math.cos(azimuth), middle + height])
            found.append(looking(eye, np.array([0, 0, middle])))
        return found

    return poses


def flown() -> list[Array]:
    """Rows of photos that look down at a slant, to one side and then to the other."""
    found = []
    for row, north in enumerate(np.linspace(-1.5, 1.5, 6)):
        for east in np.linspace(-1.5, 1.5, 6):
            aside = 0.5 if row % 2 else -0.5
            found.append(looking(np.array([east, north, 1.9]), np.array([east + aside, north + 0.3, 0.0])))
    return found


def _mesh(shape: Any) -> Mesh:
    """Of a trimesh, whose functions do not say that they return one."""
    return Mesh(np.asarray(shape.vertices, np.float64), np.asarray(shape.faces, np.int32))


SHAPES = (
    Shape("convex", convex, around(0.4)),
    Shape("concave", concave, around(0.45)),
    Shape("terrain", terrain, flown, cut_out=False),
    Shape("facade", facade, along_street, cut_out=False, focal=0.8),
    Shape("room", room, from_inside, cut_out=False, focal=0.7),
    Shape("face", face, face_poses, focal=0.5 / math.tan(math.radians(FIELD_OF_VIEW_DEGREES / 2)), write=face_photos),
)
