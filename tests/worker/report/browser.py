"""Pages as a real browser shows them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

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
    "--virtual-time-budget=10000",
]
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")


def screenshot(page: Path, folder: Path, *flags: str, size: tuple[int, int] = (1200, 900)) -> Image.Image:
    """The page in a window of so many pixels, in RGB. Fails where it says anything on its console."""
    picture = folder / "page.png"
    _run(page, folder, f"--screenshot={picture}", "--window-size={},{}".format(*size), *flags)
    with Image.open(picture) as image:
        return image.convert("RGB")


def elements(page: Path, folder: Path, *flags: str) -> str:
    """The page's elements as text, once its scripts have run. Fails where it says anything on its console."""
    return _run(page, folder, "--dump-dom", *flags)


def _run(page: Path, folder: Path, *flags: str) -> str:
    ended = subprocess.run(
        [
            CHROMIUM or "",
            *FLAGS,
            *flags,
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            page.as_uri(),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in ended.stderr, ended.stderr  # neither a script error nor something the policy refused
    return ended.stdout
