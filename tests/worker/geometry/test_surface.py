"""Single steps of the clean-up, on meshes small enough to know the answer."""

from __future__ import annotations

import numpy as np
import pytest

from reconstruction_worker.geometry.holes import without_holes
from reconstruction_worker.geometry.mesh import (
    Mesh,
    boundary_edges,
    component_labels,
    edge_counts,
    face_cross,
    vertex_normals,
    with_faces,
)
from reconstruction_worker.geometry.surface import decimated, manifold, simplified, smoothed

from .scenes import bumpy_sphere, hills


def without(mesh: Mesh, *faces: int) -> Mesh:
    keep = np.ones(len(mesh.faces), bool)
    keep[list(faces)] = False
    return with_faces(mesh, keep)


def test_a_small_hole_is_closed() -> None:
    closed, filled = without_holes(without(bumpy_sphere(), 100, 2000), perimeter=0.5)
    assert filled == 2
    assert closed.is_watertight()


def test_the_border_of_a_sheet_is_not_a_hole() -> None:
    sheet = hills()
    closed, filled = without_holes(sheet, perimeter=0.5)
    assert filled == 0
    assert len(boundary_edges(closed)) == len(boundary_edges(sheet))


def annulus(count: int, ragged: float = 0.0) -> Mesh:
    """A flat ring between a hole of radius 1, each second vertex of whose border is `ragged` further out, and a circle
    of radius 2, facing +z."""
    angle = 2 * np.pi * np.arange(count) / count
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(count)], axis=1)
    inner = circle * (1 + ragged * (np.arange(count) % 2))[:, None]
    own, after = np.arange(count), np.roll(np.arange(count), -1)
    faces = np.concatenate(
        [np.stack([own, own + count, after], axis=1), np.stack([after, own + count, after + count], axis=1)]
    )
    return Mesh(np.concatenate([inner, 2 * circle]), faces.astype(np.int32))


@pytest.mark.parametrize("count", [3, 8, 9, 17, 30, 61, 100])
def test_what_closes_a_flat_hole_is_flat_and_covers_it_once(count: int) -> None:
    closed, filled = without_holes(annulus(count), perimeter=7)
    assert filled == 1
    assert len(boundary_edges(closed)) == count  # those of the circle outside
    assert (edge_counts(closed)[1] <= 2).all()
    cross = face_cross(closed)
    assert (cross[:, 2] > 0).all()
    assert abs(cross[:, :2]).max() < 1e-9
    assert closed.area() == pytest.approx(2 * count * np.sin(2 * np.pi / count))  # of the regular polygon, radius 2


def test_a_hole_is_as_long_around_as_it_is_wide_however_ragged_its_border() -> None:
    ragged = annulus(120, ragged=0.1)
    along = np.linalg.norm(np.diff(ragged.vertices[:121], axis=0), axis=1)[:119].sum()
    assert along > 12  # of a hole that is 2 wide
    assert without_holes(ragged, perimeter=7)[1] == 1
    assert without_holes(ragged, perimeter=6)[1] == 0


def test_smoothing_removes_noise_and_keeps_the_size() -> None:
    ball = bumpy_sphere()
    noisy = Mesh(ball.vertices + np.random.default_rng(0).normal(0, 0.005, ball.vertices.shape), ball.faces)
    calm = smoothed(noisy, 8)
    assert np.linalg.norm(calm.vertices - ball.vertices, axis=1).mean() < 0.004
    assert abs(calm.bounds() - ball.bounds()).max() < 0.02


def test_smoothing_does_not_shrink_a_border() -> None:
    sheet = hills()
    assert abs(smoothed(sheet, 8).bounds() - sheet.bounds())[:, :2].max() < 0.02


def test_pieces_that_touch_in_one_point_are_two_pieces() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]], float)
    bow_tie = Mesh(vertices, np.array([[0, 1, 2], [0, 3, 4]], np.int32))
    assert component_labels(bow_tie)[0] == 2


def test_an_edge_of_three_faces_is_repaired() -> None:
    ball = bumpy_sphere()
    a, b, _ = ball.faces[0]
    fin = Mesh(
        np.concatenate([ball.vertices, [[0, 0, 2.0]]]),
        np.concatenate([ball.faces, [[a, b, len(ball.vertices)]]]).astype(np.int32),
    )
    assert not fin.is_watertight()
    assert manifold(fin, perimeter=1.0).is_watertight()


def test_decimation_keeps_a_closed_surface_where_it_was() -> None:
    ball = bumpy_sphere()
    simple = decimated(ball, 2000)
    assert len(simple.faces) <= 2000
    assert abs(simple.area() / ball.area() - 1) < 0.01


def test_closing_what_the_simplification_tears_does_not_exceed_the_wanted_triangles() -> None:
    """Every fin on the ball makes an edge of three faces; cutting it out and closing the hole makes triangles."""
    ball = bumpy_sphere()
    rooted = ball.faces[::40, :2]
    tips = ball.vertices[rooted].mean(axis=1) * 1.2
    fins = np.column_stack([rooted, len(ball.vertices) + np.arange(len(tips))])
    finned = Mesh(np.concatenate([ball.vertices, tips]), np.concatenate([ball.faces, fins]).astype(np.int32))
    bound = len(finned.faces) + 40
    torn = manifold(decimated(finned, int(bound * 0.995)), perimeter=1.0)
    assert len(torn.faces) > bound
    simple = simplified(finned, bound, perimeter=1.0)
    assert 0.9 * bound < len(simple.faces) <= bound
    assert edge_counts(simple)[1].max() == 2


def test_normals_have_length_one_also_in_a_fold_and_without_area() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5], [6, 6, 6], [7, 7, 7]], float)
    mesh = Mesh(vertices, np.array([[0, 1, 2], [0, 2, 1], [3, 4, 5]], np.int32))
    assert np.allclose(np.linalg.norm(vertex_normals(mesh), axis=1), 1)


def test_a_surface_does_not_vanish_for_pieces_that_cannot_be_collapsed() -> None:
    """Beside a ball are more small pieces than triangles are wanted; each of them has as few as it can have."""
    ball = bumpy_sphere()
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) * 0.004
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    places = np.random.default_rng(0).uniform(1, 2, (400, 1, 3))
    vertices = np.concatenate([ball.vertices, (corner + places).reshape(-1, 3)])
    crumbs = (faces + 4 * np.arange(400)[:, None, None]).reshape(-1, 3) + len(ball.vertices)
    mesh = Mesh(vertices, np.concatenate([ball.faces, crumbs]).astype(np.int32))
    for wanted in (1000, 300):
        simple = decimated(mesh, wanted)
        assert len(simple.faces) <= wanted
        assert simple.area() > 0.9 * ball.area()
