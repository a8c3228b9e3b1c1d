"""The report of a job that ends with its camera poses: what became of each photo, and how well the cameras fit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.stages import StageName
from reconstruction_worker.geometry.scene import load_scene
from reconstruction_worker.geometry.sparse import COLOURED_POINT
from reconstruction_worker.report.cloud import worth_showing
from reconstruction_worker.report.viewer_data import points_document
from reconstruction_worker.stages import report

from .workspaces import CAMERAS, POSES_ONLY, context_of, posed


def made(workspace: Path) -> tuple[Path, str]:
    """The artifacts, and the page as a reader sees it."""
    context = context_of(StageName.REPORT, workspace, POSES_ONLY)
    report.run(context)
    page = (context.folder / "report.html").read_text(encoding="utf-8")
    body = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    return context.folder, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    workspace = tmp_path_factory.mktemp("workspace")
    posed(workspace)
    return made(workspace)


def test_the_page_says_how_well_the_cameras_fit(delivered: tuple[Path, str]) -> None:
    _, text = delivered
    for words in (
        "8 of 9",
        "0.31 px median 0.24 px",
        "300 in 6.0 photos each",
        "7 of 8 photos with GPS",
        "Strategy standard, exhaustive pairs Tried before quick: 3 photos",
    ):
        assert words in text
    fit = re.search(r"GPS fit ([\d.]+) m", text)
    assert fit is not None and float(fit[1]) < 0.1


def test_nothing_is_said_of_a_training_before_the_job_was_changed_to_end_with_its_poses(tmp_path: Path) -> None:
    posed(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "split.json").write_text('{"train": ["IMG_0000.png"], "eval": ["IMG_0001.png"]}')
    _, text = made(tmp_path)
    assert "8 of 9 photos were placed in the scene; 1 more could not be used" in text


def test_each_photo_that_is_not_used_is_named_with_the_reason(delivered: tuple[Path, str]) -> None:
    _, text = delivered
    assert "1 photo without a place" in text
    assert "lost.jpg NotRegistered Too little in common" in text
    assert "alert(1)&lt;/script&gt;.jpg ImageCorrupt cut off" in text
    assert "IMG_0000.jpg NotRegistered" not in text and "a&amp;b.HEIC NotRegistered" not in text


def test_the_photo_that_few_points_hold_comes_first(delivered: tuple[Path, str]) -> None:
    _, text = delivered
    assert re.search(r"the fewest points hold Photo Points IMG_0005\.jpg [1-7] ", text)


def test_the_viewer_gets_points_and_cameras(delivered: tuple[Path, str]) -> None:
    folder, _ = delivered
    page = (folder / "report.html").read_text(encoding="utf-8")
    block = re.search(r'<script type="application/json" id="scene">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    scene = json.loads(block[1])
    assert (scene["mesh"]["vertexCount"], len(scene["cameras"])) == (300, CAMERAS)
    assert "indices" not in scene["mesh"] and "data-mode=" not in page.split("<script>")[0]


def test_the_preview_shows_the_points_in_their_colour_and_the_cameras(delivered: tuple[Path, str]) -> None:
    folder, _ = delivered
    with Image.open(folder / "preview.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    left, right = np.split(pixels[:, : pixels.shape[1] // 2 * 2], 2, axis=1)
    for half in (left, right):
        assert (np.abs(half - (200, 30, 30)).sum(axis=2) == 0).sum() > 300
        assert (np.abs(half - (36, 87, 214)).sum(axis=2) == 0).sum() > 300


@pytest.mark.parametrize("points", [0, 300])
def test_without_places_and_even_without_points_there_is_a_page(tmp_path: Path, points: int) -> None:
    posed(tmp_path, points=points, located=False)
    (tmp_path / "poses" / "registration.json").write_text('{"method": "provided", "registered": 8, "total": 9}')
    _, text = made(tmp_path)
    assert "no photo says where it was taken" in text and "GPS fit" not in text
    assert "provided with the photos" in text


def test_stray_points_do_not_make_the_scene_a_speck(tmp_path: Path) -> None:
    posed(tmp_path)
    points = np.zeros(1000, COLOURED_POINT)
    points["position"] = np.random.default_rng(1).uniform(-1, 1, (1000, 3))
    points["position"][:3] = 500
    kept = worth_showing(points)
    assert len(kept) == 997
    assert max(points_document(kept, load_scene(tmp_path))["mesh"]["high"]) < 1.1
