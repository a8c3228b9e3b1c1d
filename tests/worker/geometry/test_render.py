"""Pictures of meshes for people."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from reconstruction_worker.geometry import render as renderer
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.orbit import orbit_camera
from reconstruction_worker.geometry.raycast import Caster


@pytest.mark.parametrize("samples", [1, 2])
def test_a_large_picture_in_bands_is_the_same(samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    mesh = Mesh(np.asarray(ball.vertices), np.asarray(ball.faces, np.int32))
    caster, camera, shader = Caster(mesh), orbit_camera(mesh.vertices, 30, 20, 61), renderer.shaded(mesh)
    whole = renderer.render(caster, camera, shader, samples)
    rays: list[int] = []
    cast = Caster.cast
    monkeypatch.setattr(
        Caster, "cast", lambda self, at, along: (rays.append(along[..., 0].size), cast(self, at, along))[1]
    )
    monkeypatch.setattr(renderer, "RAYS_AT_ONCE", 61 * samples**2 * 7)
    assert np.array_equal(renderer.render(caster, camera, shader, samples), whole)
    assert len(rays) == 9 and max(rays) == 61 * samples**2 * 7
