"""A model whose front, top and colours are known."""

from __future__ import annotations

import numpy as np

from reconstruction_worker.exporters.textured_model import Model
from reconstruction_worker.geometry.atlas import unwrap
from reconstruction_worker.geometry.mesh import Mesh

SIZE = 128


def figure(metric: bool = False) -> Model:
    """A box with a tip: the tip is up (+z) and leans to the front (-y). The texture is red on top, blue below."""
    corners = [[x, y, z] for z in (-1, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    vertices = np.array([*corners, [0, -2, 3]], float)
    below = [[0, 2, 1], [0, 3, 2]]
    sides = [f for a, b in ((0, 1), (1, 2), (2, 3), (3, 0)) for f in ([a, b, b + 4], [a, b + 4, a + 4])]
    tip = [[4, 5, 8], [5, 6, 8], [6, 7, 8], [7, 4, 8]]
    faces = np.array(below + sides + tip, np.int32)
    atlas = unwrap(Mesh(vertices, faces), SIZE)
    texture = np.zeros((SIZE, SIZE, 3), np.uint8)
    texture[: SIZE // 2] = (200, 30, 30)
    texture[SIZE // 2 :] = (30, 30, 200)
    return Model(atlas.mesh.vertices.astype(np.float32), atlas.normals, atlas.mesh.faces, atlas.uv, texture, metric)
