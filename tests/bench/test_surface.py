"""The benchmark of surfaces measures what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bench.surface import still_life
from bench.surface.nearness import nearness
from PIL import Image

from reconstruction_worker.geometry.cameras import project
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.rendering import Camera


def moved(mesh: Mesh, by: float) -> Mesh:
    return Mesh(mesh.vertices + np.array([by, 0, 0]), mesh.faces)


def test_a_surface_is_as_near_as_it_was_moved() -> None:
    truth = still_life.figure()
    same = nearness(truth, truth)
    assert same.f_at_1_percent > 0.98
    assert same.normals_degrees < 8
    extent = float(np.ptp(truth.bounds(), axis=0).max())
    away = nearness(moved(truth, 0.03 * extent), truth)
    assert away.f_at_1_percent < 0.6 < same.f_at_2_percent
    assert away.f_at_2_percent > away.f_at_1_percent


def test_half_a_surface_is_not_whole() -> None:
    truth = still_life.figure()
    half = Mesh(truth.vertices, truth.faces[truth.vertices[truth.faces].mean(axis=1)[:, 0] > 0])
    assert nearness(half, truth).f_at_2_percent == pytest.approx(2 / 3, abs=0.08)


def test_the_still_life_is_where_its_poses_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(still_life, "SIDE", 60)
    monkeypatch.setattr(still_life, "SAMPLES", 1)
    still_life.write(tmp_path)
    document = json.loads((tmp_path / "transforms.json").read_text())
    assert len(document["frames"]) == still_life.PHOTOS
    for frame in document["frames"][:3]:
        camera = Camera(np.array(frame["transform_matrix"]), document["fl_x"], document["fl_y"], 30, 30, 60, 60)
        pixels, depth = project(camera, np.array([[0, 0, 0.5]]))
        assert depth[0] > 0
        assert np.abs(pixels - 30).max() < 12
        assert np.asarray(Image.open(tmp_path / frame["file_path"])).std() > 15
