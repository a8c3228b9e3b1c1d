"""The report in a real browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.browser import screenshot
from reconstruction_api.stages import StageName
from reconstruction_worker.stages import report

from ...chromium import needs_chromium
from .workspaces import POSES_ONLY, context_of, finished, posed

pytestmark = needs_chromium


def hue_saturation_value(page: Path, folder: Path) -> NDArray[np.uint8]:
    """The page as a browser shows it. [H, W, 3]"""
    return np.asarray(screenshot(page, folder).convert("HSV"))


def test_the_model_is_drawn_without_an_error(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    context = context_of(StageName.REPORT, workspace, finished(workspace, "GLB"))
    report.run(context)
    stage = hue_saturation_value(context.folder / "report.html", tmp_path)[120:600, 300:900]
    assert (stage[..., 1] > 150).mean() > 0.15  # the painted ball; the ground and the buttons are grey


def test_points_and_cameras_are_drawn_without_an_error(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    posed(workspace)
    context = context_of(StageName.REPORT, workspace, POSES_ONLY)
    report.run(context)
    stage = hue_saturation_value(context.folder / "report.html", tmp_path)[120:600, 200:1000]
    hue, saturation, _ = np.moveaxis(stage, -1, 0)
    vivid = saturation > 150
    assert (vivid & ((hue < 10) | (hue > 245))).sum() > 300, "points, which are red"
    assert (vivid & (abs(hue.astype(int) - 158) < 8)).sum() > 300, "cameras, whose lines are blue"
