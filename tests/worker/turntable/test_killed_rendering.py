"""Rendering that is killed at random moments: no frame is missing or different, and a kill costs one frame at most.

`RECONSTRUCTION_INTERRUPTIONS_SEED` repeats a choice of moments.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.turntable.frames import render_frames

FRAMES, KILLS, SIDE = 48, 20, 128
SEED = int(os.environ.get("RECONSTRUCTION_INTERRUPTIONS_SEED", str(random.randrange(10**6))))
CAMERAS = [Camera(np.eye(4) * (number + 1), 9, 9, SIDE / 2, SIDE / 2, SIDE, SIDE) for number in range(FRAMES)]
Picture = NDArray[np.uint8]


def render(folder: Path, kill_after: int | None = None, delay: float = 0.0) -> bool:
    """In a process of its own, which is killed so many seconds after it has begun so many frames; whether it came to
    its end."""
    child = os.fork()
    if child == 0:
        try:
            render_frames(
                CAMERAS, lambda: showing(folder, kill_after, delay), lambda seen: seen, folder, lambda _: None
            )
            os._exit(0)
        except BaseException:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), status
    return status == 0


def showing(folder: Path, kill_after: int | None, delay: float) -> Callable[[Camera], Picture]:
    count = 0

    def picture(camera: Camera) -> Picture:
        nonlocal count
        count += 1
        number = int(camera.camera_to_world[0, 0]) - 1
        with (folder / "begun").open("a") as log:
            log.write(f"{number}\n")
        if count == kill_after:
            threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return np.random.default_rng(number).integers(0, 255, (SIDE, SIDE, 4), dtype=np.uint8)

    return picture


def begun(folder: Path) -> Counter[int]:
    return Counter(int(line) for line in (folder / "begun").read_text().split())


def frames(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "frames").glob("*.png"))]


def test_twenty_kills_cost_twenty_frames_at_most(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert render(whole)
    kills = 0
    for _ in range(KILLS):
        kills += not render(killed, rng.randint(1, 2), rng.uniform(0, 0.01))
        seen = begun(killed)
        assert seen.total() - len(seen) <= kills, f"seed {SEED}"
    assert render(killed)
    assert kills, f"seed {SEED}"
    assert frames(killed) == frames(whole), f"seed {SEED}"
    assert len(frames(killed)) == FRAMES == len(begun(killed))
