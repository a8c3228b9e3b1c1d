"""Pictures of a training: while somebody looks, and never for long."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from reconstruction_api.live_view import WANTED_SECONDS
from reconstruction_worker.engines.training.live_view import LiveView
from reconstruction_worker.geometry.rendering import Camera, Field

from ..geometry.scenes import MeshField, bumpy_sphere, look_at

CAMERA: Camera = look_at(np.array([0, -2.2, 0.0]), 640)


class Clock:
    now = 100.0
    rendering = 0.0

    def __call__(self) -> float:
        return self.now


def view_of(workspace: Path, clock: Clock) -> LiveView:
    return LiveView(workspace, CAMERA, clock)


def ask(workspace: Path, ago: float = 0.0) -> None:
    file = workspace / "live" / "wanted"
    file.parent.mkdir(exist_ok=True)
    file.touch()
    os.utime(file, (time.time() - ago, time.time() - ago))


def take(view: LiveView, clock: Clock) -> None:
    @contextmanager
    def looking() -> Iterator[Field]:
        clock.now += clock.rendering
        yield MeshField(bumpy_sphere())

    view.take(looking)


def test_nothing_is_rendered_unless_somebody_has_just_asked(tmp_path: Path) -> None:
    view = view_of(tmp_path, Clock())
    assert not view.is_due()
    ask(tmp_path, WANTED_SECONDS + 5)
    assert not view.is_due(), "whoever asked has gone"
    ask(tmp_path)
    assert view.is_due()


def test_a_picture_shows_what_the_camera_sees(tmp_path: Path) -> None:
    ask(tmp_path)
    take(view_of(tmp_path, Clock()), Clock())
    with Image.open(tmp_path / "live" / "view.jpg") as picture:
        assert picture.size == (320, 320)
        pixels = np.asarray(picture)
    assert pixels[2, 2].min() > 245, "white around"
    assert pixels[160, 160].min() < 200, "the painted ball"


def test_pictures_take_no_more_than_a_tenth_of_the_time(tmp_path: Path) -> None:
    ask(tmp_path)
    clock = Clock()
    view = view_of(tmp_path, clock)
    clock.rendering = 2.0
    take(view, clock)
    clock.now += 17.9
    assert not view.is_due()
    clock.now += 0.2
    assert view.is_due()


def test_quick_ones_come_every_three_seconds(tmp_path: Path) -> None:
    ask(tmp_path)
    clock = Clock()
    view = view_of(tmp_path, clock)
    take(view, clock)
    clock.now += 2.9
    assert not view.is_due()
    clock.now += 0.2
    assert view.is_due()
