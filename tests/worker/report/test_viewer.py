"""The report in a real browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.stages import StageName
from reconstruction_worker.stages import report

from .workspaces import context_of, finished

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


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
def test_the_model_is_drawn_without_an_error(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    context = context_of(StageName.REPORT, workspace, finished(workspace, "GLB"))
    report.run(context)
    picture = tmp_path / "page.png"
    ended = subprocess.run(
        [
            CHROMIUM or "",
            *FLAGS,
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={picture}",
            (context.folder / "report.html").as_uri(),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in ended.stderr  # neither a script error nor something the policy refused
    with Image.open(picture) as image:
        shot = np.asarray(image.convert("HSV"))
    stage = shot[120:600, 300:900]
    assert (stage[..., 1] > 150).mean() > 0.15  # the painted ball; the ground and the buttons are grey
