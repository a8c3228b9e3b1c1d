"""An entry with fewer triangles shows the same thing."""

from __future__ import annotations

import numpy as np
import trimesh
from scipy.spatial import KDTree

from reconstruction_worker.exporters.simplified_model import simplified_model
from reconstruction_worker.exporters.textured_model import Model
from reconstruction_worker.geometry.atlas import Atlas, texels, unwrap
from reconstruction_worker.geometry.mesh import Mesh

SIZE = 256


def globe() -> Model:
    """A ball of 20,480 triangles, red in the north, blue in the south."""
    ball = trimesh.creation.icosphere(5)
    atlas = unwrap(Mesh(np.asarray(ball.vertices, np.float64), np.asarray(ball.faces, np.int32)), SIZE)
    surface = texels(atlas, SIZE)
    picture = np.zeros((SIZE * SIZE, 3), np.uint8)
    picture[surface.index] = np.where(surface.points[:, 2:] > 0, [200, 30, 30], [30, 30, 200])
    vertices = atlas.mesh.vertices.astype(np.float32)
    return Model(vertices, atlas.normals, atlas.mesh.faces, atlas.uv, picture.reshape(SIZE, SIZE, 3), metric=True)


def test_fewer_triangles_keep_shape_and_colours() -> None:
    model = globe()
    simple = simplified_model(model, 2000)
    assert 1000 < len(simple.faces) <= 2000
    assert simple.texture.shape == model.texture.shape and simple.metric
    mesh = simple.welded()[0]
    assert mesh.is_watertight()
    assert np.abs(np.linalg.norm(simple.vertices, axis=1) - 1).max() < 0.02
    found = texels(_atlas(simple), SIZE)
    colours = simple.texture.reshape(-1, 3)[found.index].astype(int)
    north, south = found.points[:, 2] > 0.1, found.points[:, 2] < -0.1
    assert np.median(np.abs(colours[north] - [200, 30, 30])) <= 2
    assert np.median(np.abs(colours[south] - [30, 30, 200])) <= 2
    assert (colours[north, 0] > colours[north, 2]).mean() > 0.999


def test_every_part_of_the_surface_is_still_there() -> None:
    model = globe()
    simple = simplified_model(model, 500)
    samples = simple.vertices[simple.faces].mean(axis=1)
    distance, _ = KDTree(samples).query(model.vertices)
    assert distance.max() < 0.2


def test_a_mesh_with_no_more_triangles_stays_as_it_is() -> None:
    model = globe()
    assert simplified_model(model, len(model.faces)) is model
    assert simplified_model(model, None) is model


def _atlas(model: Model) -> Atlas:
    return Atlas(Mesh(model.vertices.astype(np.float64), model.faces), model.normals, model.uv, 0)
