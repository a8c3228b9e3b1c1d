"""How surfaces are cut into charts and laid out: whole, without folds, with room between."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import trimesh

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.geometry.atlas import GUTTER_TEXELS, Atlas, texels, unwrap
from reconstruction_worker.geometry.layout import laid_flat
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.packing import packed

SIZE = 512


def rough_ball() -> Mesh:
    """A ball with grain as large as its faces, as fused depth maps leave it on bark or gravel."""
    ball = trimesh.creation.icosphere(subdivisions=4)
    grain = np.random.default_rng(3).normal(0, 0.03, len(ball.vertices))
    return Mesh(np.asarray(ball.vertices) * (1 + grain[:, None]), np.asarray(ball.faces, np.int32))


@pytest.fixture(scope="module")
def rough() -> Atlas:
    return unwrap(rough_ball(), SIZE)


def turned_area(atlas: Atlas) -> np.ndarray:
    """Twice the area of each face in texels, negative where it is turned over. [F]"""
    a, b, c = (atlas.uv[atlas.mesh.faces[:, k]].astype(float) * SIZE for k in range(3))
    u, v = b - a, c - a
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def test_a_rough_surface_has_few_charts_that_fill_the_picture(rough: Atlas) -> None:
    assert rough.charts < 40
    assert len(texels(rough, SIZE).index) / SIZE**2 > 0.55


def test_no_face_is_turned_over_or_lies_on_another(rough: Atlas) -> None:
    area = turned_area(rough)
    assert area.min() > 0 or area.max() < 0
    assert abs(np.abs(area).sum() / 2 / len(texels(rough, SIZE).index) - 1) < 0.02


def test_faces_keep_their_proportions(rough: Atlas) -> None:
    corners = rough.mesh.vertices[rough.mesh.faces]
    in_space = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    ratio = np.abs(turned_area(rough)) / in_space
    assert np.quantile(ratio, 0.95) < 3 * np.quantile(ratio, 0.05)


def test_charts_keep_their_distance() -> None:
    flat = laid_flat(rough_ball())
    places = packed(flat.places, flat.faces, flat.chart, SIZE, GUTTER_TEXELS).places
    covered = np.zeros((SIZE, SIZE), bool)
    for chart in range(flat.charts):
        own = np.zeros((SIZE, SIZE), np.uint8)
        for face in places[flat.faces[flat.chart == chart]]:
            cv2.fillConvexPoly(own, np.floor(face).astype(np.int32), (1,))
        wide = np.asarray(cv2.dilate(own, np.ones((GUTTER_TEXELS - 1, GUTTER_TEXELS - 1), np.uint8))) > 0
        assert not (covered & wide).any()
        covered |= wide


@pytest.mark.parametrize(
    "surface",
    [
        trimesh.creation.torus(1.0, 0.3),  # no piece of it with a hole through it lies flat
        trimesh.creation.annulus(0.5, 1.0, 0.1),
        trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]),
    ],
)
def test_any_shape_can_be_laid_out(surface: trimesh.Trimesh) -> None:
    mesh = Mesh(np.asarray(surface.vertices, float), np.asarray(surface.faces, np.int32))
    area = turned_area(unwrap(mesh, SIZE))
    assert len(area) == len(mesh.faces)
    assert area.min() > 0 or area.max() < 0


def pieces(count: int) -> Mesh:
    """Triangles that have nothing to do with each other."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float)
    points = np.tile(corners, (count, 1)) + 3.0 * np.repeat(np.arange(count), 3)[:, None]
    return Mesh(points.astype(np.float64), np.arange(3 * count, dtype=np.int32).reshape(-1, 3))


def test_charts_come_closer_where_the_picture_is_too_small_for_the_room_between() -> None:
    atlas = unwrap(pieces(70), 32)  # whose 1,024 texels would be 14 each
    assert atlas.charts == 70
    assert atlas.uv.min() >= 0 and atlas.uv.max() <= 1


def test_more_charts_than_texels_are_an_error_that_names_the_field() -> None:
    with pytest.raises(ReconstructionError, match=r"textureSize: a texture of 16 x 16 .* 300 charts") as raised:
        unwrap(pieces(300), 16)
    assert raised.value.code == "InvalidSpec"


def test_broken_surfaces_are_laid_out_too() -> None:
    """Three faces at one edge, a face without area, one that is there twice."""
    points = np.array([[0, 0, 0], [1, 0, 0], [0.5, 1, 0], [0.5, -1, 0], [0.5, 0, 1], [2, 0, 0]], float)
    faces = np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4], [0, 1, 5], [0, 1, 2]], np.int32)
    atlas = unwrap(Mesh(points, faces), SIZE)
    assert np.isfinite(atlas.uv).all()
    assert atlas.uv.min() >= 0
    assert atlas.uv.max() <= 1
    assert (np.abs(turned_area(atlas)) > 1).all()
