"""The report in a real browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.stages import StageName
from reconstruction_worker.stages import report

from .workspaces import POSES_ONLY, context_of, finished, posed

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--force-prefers-reduced-motion",
    "--hide-scrollbars",
    "--window-size=1200,900",
    "--virtual-time-budget=10000",
]


pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")


def screenshot(page: Path, folder: Path) -> NDArray[np.uint8]:
    """The page as a browser shows it: hue, saturation, value. [H, W, 3]"""
    picture = folder / "page.png"
    ended = subprocess.run(
        [
            CHROMIUM or "",
            *FLAGS,
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in ended.stderr  # neither a script error nor something the policy refused
    with Image.open(picture) as image:
        return np.asarray(image.convert("HSV"))


def test_the_model_is_drawn_without_an_error(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    context = context_of(StageName.REPORT, workspace, finished(workspace, "GLB"))
    report.run(context)
    stage = screenshot(context.folder / "report.html", tmp_path)[120:600, 300:900]
    assert (stage[..., 1] > 150).mean() > 0.15  # the painted ball; the ground and the buttons are grey


def test_points_and_cameras_are_drawn_without_an_error(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    posed(workspace)
    context = context_of(StageName.REPORT, workspace, POSES_ONLY)
    report.run(context)
    hue, saturation, _ = np.moveaxis(screenshot(context.folder / "report.html", tmp_path)[120:600, 200:1000], -1, 0)
    vivid = saturation > 150
    assert (vivid & ((hue < 10) | (hue > 245))).sum() > 300, "points, which are red"
    assert (vivid & (abs(hue.astype(int) - 158) < 8)).sum() > 300, "cameras, whose lines are blue"
