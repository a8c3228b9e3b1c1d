"""Charts laid flat: no face is turned over, no two lie on each other, and lengths change as little as possible.

Each chart starts on a disk, after W. Tutte, "How to draw a graph", 1963, with the weights of M. Floater, "Mean value
coordinates", 2003, and is then relaxed by M. Rabinovich et al., "Scalable locally injective mappings", 2017, whose
energy grows without bound before a face has no area left. No step is taken by which outlines would cross.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import splu

from .mesh import Mesh
from .outlines import Pieces, crossing

Array = NDArray[np.float64]
ITERATIONS: Final = 6
THINNEST: Final = 0.05
"""Height of a face as a share of its longest side; thinner ones are laid out as if they had it."""
PROXIMAL: Final = 1e-5
HALVINGS: Final = 6
"""Trials of a step that raises a chart's energy or makes outlines cross, before the chart stays as it is."""
RELAXED: Final = 0.005
"""A chart is done when a step lowers its energy by less than this share."""


@dataclass(frozen=True)
class _Shape:
    """Of each face: gradients of its three corners' hat functions in the face's own plane, and its area."""

    gradient: Array  # [F, 2, 3]
    area: Array  # [F]

    @classmethod
    def of(cls, corners: Array) -> _Shape:
        """`corners` [F, 3, 3]."""
        along, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        length = np.linalg.norm(along, axis=1)
        scale = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
        scale = np.maximum(scale, 1e-9 * max(float(scale.max(initial=0)), 1e-30))
        width = np.maximum(length, THINNEST * scale)
        x = (other * along).sum(axis=1) / np.maximum(length, 1e-30)
        height = np.sqrt(np.maximum((other**2).sum(axis=1) - x**2, 0))
        y = np.maximum(height, THINNEST * scale)
        gradient = np.zeros((len(corners), 2, 3))
        gradient[:, 0, 0], gradient[:, 0, 1] = -1 / width, 1 / width
        gradient[:, 1, 0] = (x / width - 1) / y
        gradient[:, 1, 1] = -x / width / y
        gradient[:, 1, 2] = 1 / y
        return cls(gradient, width * y / 2)


def flattened(mesh: Mesh, pieces: Pieces) -> tuple[Array, Array]:
    """Places of the charts' vertices in the plane [V, 2], each chart around a place of its own and of about the size
    it has in space, and the charts' mean energy [C]: 1 where all lengths are kept, infinite where faces are turned
    over. Charts must be disks."""
    places = _on_disks(mesh, pieces)
    shape = _Shape.of(mesh.vertices[pieces.source[pieces.faces]])
    energy = _energy(places, pieces, shape)
    active = np.isfinite(energy)
    for _ in range(ITERATIONS):
        if not active.any():
            break
        before = energy
        places, energy = _relaxed(places, pieces, shape, active, energy)
        active &= energy < (1 - RELAXED) * before
    return places, energy / 4 / np.bincount(pieces.chart, shape.area, pieces.charts)


def alone(corners: Array) -> Array:
    """Faces laid flat one by one: `corners` [F, 3, 3] in the plane [F, 3, 2]."""
    shape = _Shape.of(corners)
    places = np.zeros((len(corners), 3, 2))
    places[:, 1, 0] = 1 / shape.gradient[:, 0, 1]
    places[:, 2, 1] = 1 / shape.gradient[:, 1, 2]
    places[:, 2, 0] = -shape.gradient[:, 1, 1] * places[:, 1, 0] * places[:, 2, 1]
    return places


def _on_disks(mesh: Mesh, pieces: Pieces) -> Array:
    """Outer outlines on circles, every other vertex in the mean of its neighbours."""
    points = mesh.vertices[pieces.source]
    on_outer = pieces.outer[pieces.loop]
    ring, loop = pieces.outline[on_outer], pieces.loop[on_outer]
    last = np.r_[loop[1:] != loop[:-1], True]
    first = np.flatnonzero(np.r_[True, last[:-1]])
    following = np.r_[ring[1:], ring[:1]]
    following[last] = ring[first]
    lengths = np.linalg.norm(points[ring] - points[following], axis=1)
    chart = pieces.chart_of_vertex[ring]
    around = np.bincount(chart, lengths, pieces.charts)
    lengths = np.maximum(lengths, 1e-3 * around[chart] / np.bincount(chart, minlength=pieces.charts)[chart])
    around = np.bincount(chart, lengths, pieces.charts)
    reached = np.cumsum(lengths) - lengths
    reached -= reached[first][np.cumsum(np.r_[False, last[:-1]])]
    angle = 2 * np.pi * reached / around[chart]
    corners = points[pieces.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    radius = np.sqrt(np.maximum(np.bincount(pieces.chart, area, pieces.charts), 1e-30) / np.pi)
    places = np.zeros((len(points), 2))
    places[ring] = radius[chart, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    fixed = np.zeros(len(points), bool)
    fixed[ring] = True
    return _averaged(pieces, corners, places, fixed)


def _averaged(pieces: Pieces, corners: Array, places: Array, fixed: NDArray[np.bool_]) -> Array:
    """Places in which every vertex that is not fixed is a mean of its neighbours, holes being filled by a vertex."""
    rows, columns, weights = [], [], []
    sides = [corners[:, (k + 1) % 3] - corners[:, k] for k in range(3)]
    lengths = [np.maximum(np.linalg.norm(side, axis=1), 1e-30) for side in sides]
    for k in range(3):
        back = sides[(k + 2) % 3]
        cosine = -(sides[k] * back).sum(axis=1) / (lengths[k] * lengths[(k + 2) % 3])
        half = np.sqrt(np.maximum(1 - cosine, 1e-6) / np.maximum(1 + cosine, 1e-6))  # tan(angle / 2)
        for step, length in ((1, lengths[k]), (2, lengths[(k + 2) % 3])):
            rows.append(pieces.faces[:, k])
            columns.append(pieces.faces[:, (k + step) % 3])
            weights.append(half / length)
    count = len(places)
    inner = ~pieces.outer
    hole = count + np.cumsum(inner) - 1  # number of the vertex that fills each loop
    in_hole = inner[pieces.loop]
    rim, middle = pieces.outline[in_hole], hole[pieces.loop[in_hole]]
    total = count + int(inner.sum())
    row, column, weight = (np.concatenate(each) for each in (rows, columns, weights))
    usual = np.bincount(row, weight, total) / np.maximum(np.bincount(row, minlength=total), 1)
    row, column = np.r_[row, rim, middle], np.r_[column, middle, rim]
    weight = np.r_[weight, usual[rim], np.ones(len(rim))]
    weight = weight.clip(1e-3 * usual[row], np.inf)
    weight /= np.bincount(row, weight, total)[row]
    free = np.r_[~fixed, np.ones(total - count, bool)]
    number = np.cumsum(free) - 1
    known = np.concatenate([places, np.zeros((total - count, 2))])
    ours = free[row]
    row, column, weight = row[ours], column[ours], weight[ours]
    between = free[column]
    size = int(free.sum())
    if size == 0:
        return places
    matrix = coo_matrix((-weight[between], (number[row[between]], number[column[between]])), shape=(size, size))
    diagonal = coo_matrix((np.ones(size), (np.arange(size), np.arange(size))), shape=(size, size))
    right = np.stack(
        [np.bincount(number[row[~between]], weight[~between] * known[column[~between], k], size) for k in range(2)],
        axis=1,
    )
    known[free] = splu(csc_matrix(matrix + diagonal)).solve(right)
    return known[:count]


def _relaxed(
    places: Array, pieces: Pieces, shape: _Shape, active: NDArray[np.bool_], energy: Array
) -> tuple[Array, Array]:
    """One step towards the places that change lengths least, in the active charts, as far as each can go; and the
    energy of each chart then."""
    target = _wanted(places, pieces, shape, active)
    step = target - places
    reach = np.full(pieces.charts, np.inf)
    np.minimum.at(reach, pieces.chart, _until_flat(places, step, pieces.faces))
    length = np.where(active, np.minimum(1.0, 0.8 * reach), 0.0)
    moved, after = places, energy
    for trial in range(HALVINGS + 1):
        moved = places + length[pieces.chart_of_vertex, None] * step
        after = _energy(moved, pieces, shape)
        refused = (~(after <= energy) | crossing(moved, pieces)) & (length > 0)
        if not refused.any():
            break
        length[refused] *= 0.4 if trial < HALVINGS - 1 else 0.0
    return moved, after


def _wanted(places: Array, pieces: Pieces, shape: _Shape, active: NDArray[np.bool_]) -> Array:
    """Where a quadratic stand-in for the energy is least."""
    used = active[pieces.chart]
    faces, gradient, area = pieces.faces[used], shape.gradient[used], shape.area[used]
    jacobian = _jacobians(places, faces, gradient)
    u, sigma, v = np.linalg.svd(jacobian)
    sigma = np.maximum(sigma, 1e-6)
    near_one = np.abs(sigma - 1) < 1e-6
    weight = np.where(near_one, 4.0, (sigma - sigma**-3) / np.where(near_one, 1.0, sigma - 1))
    form = np.einsum("fik,fk,fjk->fij", u, weight, u)  # [F, 2, 2]
    wanted = form @ (u @ v)
    stiff = np.einsum("fka,fkb->fab", gradient, gradient) * area[:, None, None]
    values = form[:, :, :, None, None] * stiff[:, None, None]  # [F, 2, 2, 3, 3]
    member = np.zeros(len(places), bool)
    member[faces] = True
    number = np.cumsum(member) - 1
    size = int(member.sum())
    local = number[faces]
    index = 2 * local[:, None, :] + np.arange(2)[None, :, None]  # [F, 2, 3]
    rows = np.broadcast_to(index[:, :, None, :, None], values.shape)
    columns = np.broadcast_to(index[:, None, :, None, :], values.shape)
    right = np.einsum("fpk,fka,f->fpa", wanted, gradient, area)
    force = np.bincount(index.ravel(), right.ravel(), 2 * size)
    matrix = coo_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=(2 * size, 2 * size)).tocsc()
    pull = PROXIMAL * matrix.diagonal()
    matrix.setdiag(matrix.diagonal() + pull)
    here = places[member].ravel()
    solved = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    result = places.copy()
    result[member] = solved.solve(force + pull * here).reshape(-1, 2)
    return result


def _jacobians(places: Array, faces: NDArray[np.int64], gradient: Array) -> Array:
    """How each face is stretched from space into the plane. [F, 2, 2]"""
    return np.einsum("fac,fka->fck", places[faces], gradient)


def _energy(places: Array, pieces: Pieces, shape: _Shape) -> Array:
    """Symmetric Dirichlet energy of each chart; infinite where a face is turned over. [C]"""
    jacobian = _jacobians(places, pieces.faces, shape.gradient)
    determinant = np.linalg.det(jacobian)
    square = (jacobian**2).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(determinant > 0, square * (1 + 1 / determinant**2), np.inf)
    return np.bincount(pieces.chart, value * shape.area, pieces.charts).astype(np.float64)


def _until_flat(places: Array, step: Array, faces: NDArray[np.int64]) -> Array:
    """How many steps each face can go before it has no area left. [F]"""
    (a, b), (da, db) = ([each[faces[:, k]] - each[faces[:, 0]] for k in (1, 2)] for each in (places, step))
    constant = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    linear = a[:, 0] * db[:, 1] + da[:, 0] * b[:, 1] - a[:, 1] * db[:, 0] - da[:, 1] * b[:, 0]
    square = da[:, 0] * db[:, 1] - da[:, 1] * db[:, 0]
    below = linear**2 - 4 * square * constant
    root = np.sqrt(np.maximum(below, 0))
    # The smallest positive root, in the form that loses no digits.
    q = -(linear + np.where(linear >= 0, root, -root)) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        both = np.stack([q / square, constant / q])
    both[~(np.isfinite(both) & (both > 0))] = np.inf
    return np.where(below < 0, np.inf, both.min(axis=0))
