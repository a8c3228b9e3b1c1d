"""A scene whose shape is known: a bumpy figure on a table before a wall, photographed with its background."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from reconstruction_worker.geometry.mesh import Mesh, with_faces
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera

from ..rendered import looking, mottled, on_grey, painted, square_camera, write_photos
from ..shapes.photos import WITNESSES, witnesses

Array = NDArray[np.float64]
PHOTOS = 36
SIDE = 480
SAMPLES = 3
"""Rays along each side of a pixel."""
FOCAL = 1.1
"""In photo widths."""
HIDDEN_BELOW = 0.06
"""Height up to which the table hides the figure from all photos."""


def write(folder: Path) -> None:
    """Photos without alpha, and `transforms.json` with where they were taken from."""
    scene = everything()
    caster = Caster(scene)
    write_photos(folder, cameras(), lambda camera: on_grey(*painted(scene, caster, camera, mottled, SAMPLES)))


def figure() -> Mesh:
    """What is judged: it stands on the table, z up, half a unit from its axis at most."""
    ball = trimesh.creation.icosphere(subdivisions=6, radius=1.0)
    x, y, z = np.asarray(ball.vertices).T
    bumps = 1 + 0.12 * np.sin(5 * x) * np.sin(4 * y) * np.sin(6 * z + 1) + 0.02 * np.sin(23 * x + 17 * z)
    vertices = np.asarray(ball.vertices) * bumps[:, None] * [0.42, 0.34, 0.5] + [0, 0, 0.5]
    return Mesh(vertices, np.asarray(ball.faces, np.int32))


def cameras() -> list[Camera]:
    return [square_camera(pose, FOCAL, SIDE) for pose in _half_circle()]


def shown() -> Mesh:
    """What at least two photos show of it."""
    one = figure()
    above = one.vertices[one.faces].mean(axis=1)[:, 2] > HIDDEN_BELOW
    return with_faces(one, above & (witnesses(one, cameras()) >= WITNESSES))


def everything() -> Mesh:
    """With the table and the wall."""
    one = figure()
    table = np.array([[-1.6, -1.2, 0.02], [1.6, -1.2, 0.02], [1.6, 1.2, 0.02], [-1.6, 1.2, 0.02]])
    wall = np.array([[-6.0, 2.6, -2], [6, 2.6, -2], [6, 2.6, 5], [-6, 2.6, 5]])
    square, first = np.array([[0, 1, 2], [0, 2, 3]]), len(one.vertices)
    return Mesh(
        np.concatenate([one.vertices, table, wall]),
        np.concatenate([one.faces, square + first, square + first + 4]).astype(np.int32),
    )


def _half_circle() -> list[Array]:
    """Camera-to-world matrices (OpenGL axes) from the front, in three rows."""
    poses = []
    for number in range(PHOTOS):
        row, along = number % 3, (number // 3 + 0.5) / (PHOTOS // 3)
        azimuth, height = math.radians(-80 + 160 * along), (0.55, 1.05, 1.6)[row]
        eye = np.array([2.3 * math.sin(azimuth), -2.3 * math.cos(azimuth), height])
        poses.append(looking(eye, np.array([0, 0, 0.4])))
    return poses
