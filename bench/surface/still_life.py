"""A scene whose shape is known: a bumpy figure on a table before a wall, photographed with its background."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.rendering import Camera

from ..worker_quality.synthetic import clouds

Array = NDArray[np.float64]
PHOTOS = 36
SIDE = 480
SAMPLES = 3
"""Rays along each side of a pixel."""
FOCAL = 1.1
"""In photo widths."""


def write(folder: Path) -> None:
    """Photos without alpha, and `transforms.json` with where they were taken from."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    caster = Caster(everything())
    for number, pose in enumerate(_half_circle()):
        camera = Camera(pose, FOCAL * SIDE, FOCAL * SIDE, SIDE / 2, SIDE / 2, SIDE, SIDE)
        name = f"photo-{number:02d}.png"
        _photograph(caster, camera).save(folder / name)
        frames.append({"file_path": name, "transform_matrix": pose.tolist()})
    document = {
        "camera_model": "PINHOLE",
        "fl_x": FOCAL * SIDE,
        "fl_y": FOCAL * SIDE,
        "cx": SIDE / 2,
        "cy": SIDE / 2,
        "w": SIDE,
        "h": SIDE,
        "frames": frames,
    }
    (folder / "transforms.json").write_text(json.dumps(document, indent=1))


def figure() -> Mesh:
    """What is judged: it stands on the table, z up, half a unit from its axis at most."""
    ball = trimesh.creation.icosphere(subdivisions=6, radius=1.0)
    x, y, z = np.asarray(ball.vertices).T
    bumps = 1 + 0.12 * np.sin(5 * x) * np.sin(4 * y) * np.sin(6 * z + 1) + 0.02 * np.sin(23 * x + 17 * z)
    vertices = np.asarray(ball.vertices) * bumps[:, None] * [0.42, 0.34, 0.5] + [0, 0, 0.5]
    return Mesh(vertices, np.asarray(ball.faces, np.int32))


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
        back = eye - [0, 0, 0.4]
        back /= np.linalg.norm(back)
        right = np.cross([0, 0, 1], back)
        right /= np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3] = np.stack([right, np.cross(back, right), back, eye], axis=1)
        poses.append(pose)
    return poses


def _photograph(caster: Caster, camera: Camera) -> Image.Image:
    fine = camera.scaled(SAMPLES)
    scene = everything()
    hits = caster.view(fine)
    points = hits.interpolate(scene.faces, scene.vertices).astype(np.float64)
    grey = 0.25 + 0.45 * clouds(points + 9, 9, 1) + 0.35 * clouds(points + 9, 31, 2)
    tint = np.stack([clouds(points + 9, 2.5, seed) for seed in (3, 4, 5)], axis=-1)
    colour = np.where(hits.hit[..., None], grey[..., None] * (0.5 + 0.8 * tint), 0.6).clip(0, 1)
    pixels = colour.reshape(camera.height, SAMPLES, camera.width, SAMPLES, 3).mean(axis=(1, 3))
    return Image.fromarray((pixels * 255 + 0.5).astype(np.uint8))
