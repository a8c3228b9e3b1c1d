"""Things to take photos of, with as much texture as asked: a bumpy ball to go around, a tunnel to go through."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from demo_photos.render import TexturedMesh

Array = NDArray[np.float64]
COLUMNS, ROWS = 96, 64
"""Of quads in a surface."""


def ball(*, contrast: float = 1.0, blur: float = 0.0, side: int = 512) -> TexturedMesh:
    """Of radius about 1 with bumps, y up; its texture is `side` pixels high, blurred by so many pixels, and has so much
    of the full contrast."""
    longitude, latitude = np.meshgrid(np.linspace(-np.pi, np.pi, COLUMNS + 1), np.linspace(-1.5, 1.5, ROWS + 1))
    radius = 1 + 0.12 * np.sin(5 * longitude) * np.cos(4 * latitude)
    direction = np.stack(
        [np.cos(latitude) * np.sin(longitude), np.sin(latitude), np.cos(latitude) * np.cos(longitude)], axis=-1
    )
    return _surface(radius[..., None] * direction, _patches(side, contrast, blur))


def tunnel(near: float, far: float) -> TexturedMesh:
    """Of radius about 3, uneven, from z = -`near` to -`far`: what a camera between 0 and the former sees in front."""
    angle, along = np.meshgrid(np.linspace(0, 2 * np.pi, COLUMNS + 1), np.linspace(-near, -far, ROWS + 1))
    radius = 3 + 0.3 * np.sin(3 * angle) * np.sin(2.5 * along) + 0.2 * np.sin(7 * angle + along)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), along], axis=-1)
    return _surface(points, _patches(512, 1.0, 0.0))


def _surface(points: Array, texture: NDArray[np.float32]) -> TexturedMesh:
    """A grid of points [ROWS + 1, COLUMNS + 1, 3] with the texture spread over it; both sides can be seen."""
    corner = (np.arange(ROWS)[:, None] * (COLUMNS + 1) + np.arange(COLUMNS)).reshape(-1)
    below = corner + COLUMNS + 1
    faces = np.concatenate([np.stack([corner, corner + 1, below + 1], 1), np.stack([corner, below + 1, below], 1)])
    u, v = np.meshgrid(np.linspace(0, 1, COLUMNS + 1), np.linspace(0, 1, ROWS + 1))
    mesh = trimesh.Trimesh(points.reshape(-1, 3), faces, process=False)
    uv = np.stack([u, v], axis=-1).reshape(-1, 2).astype(np.float32)
    return TexturedMesh(mesh, uv, np.ones(len(uv), np.float32), mesh.triangles.astype(np.float32), texture)


def _patches(side: int, contrast: float, blur: float) -> NDArray[np.float32]:
    """Squares of random colours in three sizes, [side, 2 side, 3] in 0..1."""
    generator = np.random.default_rng(3)
    layers = [
        generator.random((cells, 2 * cells, 3)).repeat(side // cells, axis=0).repeat(side // cells, axis=1)
        for cells in (16, 64, 128)
    ]
    picture = Image.fromarray((255 * (0.4 * layers[0] + 0.35 * layers[1] + 0.25 * layers[2])).astype(np.uint8))
    pixels = np.asarray(picture.filter(ImageFilter.GaussianBlur(blur)), np.float32) / 255
    return (0.5 + contrast * (pixels - 0.5)).astype(np.float32)
