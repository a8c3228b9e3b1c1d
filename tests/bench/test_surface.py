"""The benchmark of surfaces measures what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.page import write
from bench.surface import still_life
from bench.surface.__main__ import NAME, PAGE
from bench.surface.nearness import nearness
from bench.surface.sets import SETS
from bench.surface.table import bars, table
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


def row(name: str, **figures: Any) -> dict[str, Any]:
    return {
        "set": name,
        "confirmed_share": 0.7,
        "main_piece_share": 0.97,
        "mesh_coverage": 0.8,
        "mesh_psnr": 24.0,
        "mesh_ssim": 0.8,
        "held_out_flip": 0.12,
        "known": None,
        "verdict": "warn",
        "engine": "splats",
        "budget_seconds": 120,
        "side": 640,
        "seconds": 240.0,
        "cpu_seconds": 400.0,
        "peak_rss_mib": 1200.0,
        "machine": {"load_average_before": 0.5},
        **figures,
    }


KNOWN = {"f_at_1_percent": 0.9, "f_at_2_percent": 0.96, "normals_degrees": 12.0}


@pytest.mark.parametrize(
    ("of_set", "met"),
    [
        (row("dino"), [True, True, True]),
        (row("dino", confirmed_share=0.5, verdict="fail"), [False, True, False]),
        (row("monstree", confirmed_share=None, main_piece_share=0.9), [False, False, True]),
        (row("lund", confirmed_share=0.1), [True]),
        (row("still-life", known=KNOWN), [True, True]),
        (row("still-life", known={**KNOWN, "f_at_2_percent": 0.94, "normals_degrees": 21.0}), [False, False]),
    ],
)
def test_each_set_is_held_to_its_bars(of_set: dict[str, Any], met: list[bool]) -> None:
    assert [bar.met for bar in bars(of_set)] == met


def test_the_table_has_a_line_for_each_set_and_the_page_a_place_for_it(tmp_path: Path) -> None:
    text = table([row("dino"), row("still-life", known=KNOWN, confirmed_share=None)])
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {14}
    assert "0.900, 0.960" in lines[3]
    page = tmp_path / "benchmarks.md"
    page.write_text(PAGE.read_text())
    write(page, NAME, text)
    assert text in page.read_text()


def test_half_a_surface_is_not_whole() -> None:
    truth = still_life.figure()
    half = Mesh(truth.vertices, truth.faces[truth.vertices[truth.faces].mean(axis=1)[:, 0] > 0])
    assert nearness(half, truth).f_at_2_percent == pytest.approx(2 / 3, abs=0.08)


def test_what_is_asked_for_of_known_shapes_is_what_photos_show() -> None:
    known = {each.name: each for each in SETS if each.known is not None}
    assert set(known) == {"still-life", "facade", "room", "concave", "face"}
    assert all(each.write is not None and each.photos is not None for each in known.values())
    shown = still_life.shown()
    lowest = shown.vertices[shown.faces].mean(axis=1)[:, 2].min()
    assert lowest > (known["still-life"].above or 0.0) > 0


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
