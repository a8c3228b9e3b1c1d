"""A ball whose texture has one page or several, painted by where a point is: every file of it shows the same
colours."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from reconstruction_worker.exporters.textured_model import Model
from reconstruction_worker.geometry.atlas import unwrap
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.pages import Pages, page_of

SIZE = 128
"""Of a page."""


def painted(points: ArrayLike) -> NDArray[np.float64]:
    """Colours 0..255 of points on the ball, z up. [N, 3]"""
    return 127.5 + 90 * np.asarray(points, float)


def paged_ball(pages: int) -> Model:
    ball = trimesh.creation.icosphere(3)
    atlas = unwrap(Mesh(np.asarray(ball.vertices, np.float64), np.asarray(ball.faces, np.int32)), SIZE, pages)
    surface = Pages(atlas, SIZE)
    texture = surface.empty()
    for number, page in enumerate(surface):
        nearest = _nearest(page.index)
        page_of(texture, number)[:] = painted(page.points[nearest]).astype(np.uint8).reshape(SIZE, SIZE, 3)
    vertices = atlas.mesh.vertices.astype(np.float32)
    return Model(vertices, atlas.normals, atlas.mesh.faces, atlas.uv, texture, metric=True, pages=atlas.pages)


def _nearest(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place in `index` of the surface's texel that is nearest to each of a page. [S S]"""
    places = np.stack(np.divmod(np.arange(SIZE * SIZE), SIZE), axis=1)
    return np.asarray(KDTree(places[index]).query(places)[1])
