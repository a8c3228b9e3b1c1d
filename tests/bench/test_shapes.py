"""The benchmark of known shapes photographs what it judges by."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.shapes import photos
from bench.shapes.__main__ import bars
from bench.shapes.shapes import SHAPES
from PIL import Image
from scipy.ndimage import binary_dilation

from reconstruction_worker.geometry.cameras import project
from reconstruction_worker.geometry.rendering import Camera

MADE_HERE = [shape for shape in SHAPES if shape.write is None]


@pytest.mark.parametrize("shape", MADE_HERE, ids=lambda shape: shape.name)
def test_photos_show_the_shape_where_their_poses_say(
    shape: photos.Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "SIDE", 48)
    monkeypatch.setattr(photos, "SAMPLES", 1)
    few = replace(shape, poses=lambda: shape.poses()[:3])
    photos.write(few, tmp_path / "photos")
    document = json.loads((tmp_path / "photos" / "transforms.json").read_text())
    vertices = shape.mesh().vertices
    for frame in document["frames"]:
        camera = Camera(np.array(frame["transform_matrix"]), document["fl_x"], document["fl_y"], 24, 24, 48, 48)
        pixels, depth = project(camera, vertices)
        places = pixels[(depth > 0) & (np.abs(pixels - 24) < 23).all(axis=1)].astype(int)
        picture = Image.open(tmp_path / "photos" / frame["file_path"])
        assert picture.mode == ("RGBA" if shape.cut_out else "RGB")
        if shape.cut_out:
            covered = np.asarray(picture)[..., 3] > 0
            near = binary_dilation(covered, np.ones((3, 3)))
            assert near[places[:, 1], places[:, 0]].all()
            assert 0.03 < covered.mean() < 0.6
        else:
            assert np.asarray(picture).std() > 15


def test_what_photos_do_not_show_is_not_asked_for() -> None:
    convex = next(shape for shape in SHAPES if shape.name == "convex")
    whole, shown = convex.mesh(), photos.shown(convex)
    assert 0.7 < len(shown.faces) / len(whole.faces) < 0.95
    assert shown.vertices[shown.faces].mean(axis=1)[:, 2].min() > 0.02, "it stands on its lower side"


@pytest.mark.parametrize(("ours", "met"), [(0.96, True), (0.94, False), (0.89, False)])
def test_splats_are_held_to_nerfacto_and_to_a_bar(ours: float, met: bool) -> None:
    rows = [{"shape": "a", "engine": "nerfacto", "known": {"f_at_2_percent": 0.96}}]
    rows.append({"shape": "a", "engine": "splats", "known": {"f_at_2_percent": ours}})
    assert bars(rows)[0].startswith("- ✓") == met
    assert bars(rows[1:]) == []
