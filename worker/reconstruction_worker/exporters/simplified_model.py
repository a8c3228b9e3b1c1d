"""A model with fewer triangles: simplified, laid out again, and its texture taken over from the model as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree

from ..geometry.atlas import Texels, unwrap
from ..geometry.pages import Pages, page_of
from ..geometry.raycast import Caster
from ..geometry.render import sample
from ..geometry.surface import simplified
from .textured_model import Model

REACH: Final = 0.02
"""How far from the simplified surface, along its normal, the original one is looked for; of the longest side. Where it
is not there, the nearest vertex gives its colour."""
HOLE: Final = 0.05
"""Perimeter of holes that simplifying tears and that are closed; of the longest side."""
TEXELS_AT_ONCE: Final = 1 << 20


def simplified_model(model: Model, faces: int | None) -> Model:
    """With at most `faces` triangles, and as many pages at most; the same model where it has no more, or None is
    wanted."""
    if faces is None or len(model.faces) <= faces:
        return model
    original = model.mesh()
    size = float(np.ptp(model.bounds(), axis=0).max())
    side = model.texture.shape[1]
    atlas = unwrap(simplified(model.welded()[0], faces, HOLE * size), side, model.pages)
    surface, caster, nearest = Pages(atlas, side), Caster(original), KDTree(model.vertices)
    texture = surface.empty()
    for number, page in enumerate(surface):
        colours = _colours(model, caster, nearest, page, REACH * size)
        page_of(texture, number)[:] = _filled(colours, page.index, side)
    return replace(
        model,
        vertices=atlas.mesh.vertices.astype(np.float32),
        normals=atlas.normals,
        faces=atlas.mesh.faces,
        uv=atlas.uv,
        texture=texture,
        pages=atlas.pages,
    )


def _colours(model: Model, caster: Caster, nearest: KDTree, surface: Texels, reach: float) -> NDArray[np.uint8]:
    """Colour of the original, which the first two know, at each point of the simplified surface. [T, 3]"""
    result = np.empty((len(surface.index), 3), np.uint8)
    for begin in range(0, len(surface.index), TEXELS_AT_ONCE):
        part = slice(begin, begin + TEXELS_AT_ONCE)
        points, normals = surface.points[part].astype(np.float64), surface.normals[part]
        inwards = caster.cast(points + normals * reach, -normals)
        there = inwards.distance <= 2 * reach
        uv = inwards.interpolate(model.faces, model.uv)
        uv[~there] = model.uv[nearest.query(points[~there])[1]]
        result[part] = np.clip(sample(model.texture, uv) + 0.5, 0, 255).astype(np.uint8)
    return result


def _filled(colours: NDArray[np.uint8], index: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """The picture [S, S, 3]; texels that show no surface have the colour of the nearest that does."""
    picture, empty = np.zeros((size * size, 3), np.uint8), np.ones(size * size, bool)
    picture[index], empty[index] = colours, False
    rows, columns = distance_transform_edt(empty.reshape(size, size), return_distances=False, return_indices=True)  # pyright: ignore[reportGeneralTypeIssues] - two arrays
    return picture.reshape(size, size, 3)[rows, columns]
