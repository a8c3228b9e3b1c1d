"""A page holds as many Gaussians as the mesh leaves room for."""

from __future__ import annotations

import pytest

from reconstruction_worker.geometry.scene import Scene, load_scene
from reconstruction_worker.report import viewer_data
from reconstruction_worker.report.viewer_data import viewer_document
from reconstruction_worker.report.viewer_splats import BYTES_EACH

from ..exporters.models import figure
from ..geometry.scenes import MeshField, around, bumpy_sphere, write_poses
from .test_splats import cloud


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    workspace = tmp_path_factory.mktemp("scene")
    write_poses(workspace, MeshField(bumpy_sphere()), around(3, size=32))
    return load_scene(workspace)


@pytest.mark.parametrize(("room", "held"), [(10_000, 3000), (1200, 1200), (0, 500)])
def test_gaussians_get_what_the_mesh_leaves(
    room: int, held: int, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = figure()
    mesh = viewer_document(model, scene, [])["mesh"]
    taken = sum(len(value) for value in mesh.values() if isinstance(value, str))
    monkeypatch.setattr(viewer_data, "MOST_BYTES", taken + BYTES_EACH * room)
    monkeypatch.setattr(viewer_data, "FEWEST_SPLATS", 500)
    assert viewer_document(model, scene, [], cloud(3000))["splats"]["count"] == held
