"""What colour the surface has in the photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...geometry.cameras import project
from ...geometry.mesh import Mesh, vertex_normals
from ...geometry.raycast import Caster
from ...geometry.render import sample
from ...geometry.scene import View
from ...geometry.visibility import candidates, visibility

GREY = 127
"""Of what no photo shows, unless a neighbour is shown."""
ROUNDS = 60
"""Steps along the surface over which colours spread to what no photo shows."""


def vertex_colours(mesh: Mesh, views: Sequence[View]) -> NDArray[np.uint8]:
    """Of each vertex, the mean of the photos that see it, the more the better they see it. [V, 3]"""
    caster, normals = Caster(mesh), vertex_normals(mesh)
    size = float(np.ptp(mesh.bounds(), axis=0).max())
    points = mesh.vertices.astype(np.float32)
    found = candidates(points, normals.astype(np.float32), (visibility(caster, view) for view in views), size)
    total, weight = np.zeros((len(points), 3)), np.zeros(len(points))
    for number, view in enumerate(views):
        vertex, column = np.nonzero((found.view == number) & (found.weight > 0))
        if len(vertex) == 0:
            continue
        places, _ = project(view.camera, mesh.vertices[vertex])
        share = found.weight[vertex, column].astype(np.float64) ** 2
        colours = sample(view.photo()[..., :3], places / [view.camera.width, view.camera.height])
        total[vertex] += share[:, None] * colours
        weight[vertex] += share
    known = weight > 0
    colours = np.where(known[:, None], total / np.where(known, weight, 1)[:, None], GREY)
    return (_spread(mesh, colours, known).clip(0, 255) + 0.5).astype(np.uint8)


def _spread(mesh: Mesh, colours: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The colours of unknown vertices from their neighbours', as far as these reach. [V, 3]"""
    if known.all() or not known.any():
        return colours
    first, second = mesh.faces[:, [0, 1, 2]].reshape(-1), mesh.faces[:, [1, 2, 0]].reshape(-1)
    start, end = np.concatenate([first, second]), np.concatenate([second, first])
    result, reached = colours.copy(), known.copy()
    for _ in range(ROUNDS):
        edge = reached[start] & ~reached[end]
        if not edge.any():
            break
        to, count = end[edge], np.bincount(end[edge], minlength=len(known))
        sums = np.stack([np.bincount(to, result[start[edge], c], len(known)) for c in range(3)], axis=1)
        new = count > 0
        result[new] = sums[new] / count[new, None]
        reached |= new
    return result
