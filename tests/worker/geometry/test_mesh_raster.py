"""Drawing a mesh by its triangles shows what casting rays shows."""

from __future__ import annotations

import numpy as np
import pytest

from reconstruction_worker.geometry.atlas import unwrap
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.mesh_raster import BehindCamera, TexturedMesh
from reconstruction_worker.geometry.orbit import orbit_camera
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.render import render, textured
from reconstruction_worker.geometry.rendering import Camera

from .scenes import bumpy_sphere


@pytest.fixture(scope="module")
def model() -> TexturedMesh:
    """A bumpy ball with a smooth texture of many colours."""
    atlas = unwrap(bumpy_sphere(), 256)
    across, down = np.meshgrid(np.linspace(0, 6, 256), np.linspace(0, 6, 256))
    texture = np.stack([np.sin(across), np.cos(down), np.sin(across + down)], axis=-1) * 100 + 128
    return TexturedMesh(atlas.mesh, atlas.uv.astype(np.float32), texture.astype(np.uint8))


@pytest.mark.parametrize(("turn", "elevation"), [(0, 15), (77, -40), (200, 80)])
@pytest.mark.parametrize("samples", [1, 2])
def test_it_shows_what_rays_show(model: TexturedMesh, turn: float, elevation: float, samples: int) -> None:
    camera = orbit_camera(model.mesh.vertices, turn, elevation, 96)
    ours = model.draw(camera, samples).astype(int)
    shader = textured(model.mesh, model.uv, model.texture)
    theirs = render(Caster(model.mesh), camera, shader, samples).astype(int)
    assert (ours[..., 3] == theirs[..., 3]).mean() > 0.998
    both = (ours[..., 3] == 255) & (theirs[..., 3] == 255)
    assert both.sum() > 2000
    assert np.median(np.abs(ours - theirs)[both]) == 0
    assert (np.abs(ours - theirs)[both].max(axis=-1) <= 3).mean() > 0.99


def test_a_closed_surface_has_no_gaps(model: TexturedMesh) -> None:
    picture = model.draw(orbit_camera(model.mesh.vertices, 33, 20, 200), 1)
    filled = picture[..., 3] == 255
    rows = np.flatnonzero(filled.any(axis=1))
    for row in rows[2:-2]:
        columns = np.flatnonzero(filled[row])
        assert filled[row, columns[0] : columns[-1] + 1].all()


def test_the_nearer_of_two_surfaces_is_seen() -> None:
    corners = [[-1.0, 0, -1], [1, 0, -1], [0, 0, 1]]
    behind = [[x, y + 1, z] for x, y, z in corners]
    mesh = Mesh(np.array([*corners, *behind]), np.array([[3, 4, 5], [0, 1, 2]], np.int32))
    uv = np.repeat(np.array([[0.25, 0.5], [0.75, 0.5]], np.float32), 3, axis=0)
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:, :4], texture[:, 4:] = (255, 0, 0), (0, 0, 255)
    for turn, colour in ((0, [255, 0, 0, 255]), (180, [0, 0, 255, 255])):
        picture = TexturedMesh(mesh, uv, texture).draw(orbit_camera(mesh.vertices, turn, 0, 64))
        assert picture[36, 32].tolist() == colour


def test_a_mesh_around_the_camera_is_not_drawn(model: TexturedMesh) -> None:
    with pytest.raises(BehindCamera):
        model.draw(Camera(np.eye(4), 50, 50, 32, 32, 64, 64))
