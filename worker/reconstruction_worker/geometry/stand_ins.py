"""Pictures of a trained scene in the place of posed photos, where nobody knows where the photos were taken from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .orbit import orbit_camera
from .rendering import Camera, Field
from .scene import Scene, View

SIDE: Final = 320
"""Of a picture, in pixels."""
RINGS: Final = ((-35.0, 8), (5.0, 12), (45.0, 8), (89.0, 1))
"""Elevation in degrees and number of cameras."""


@dataclass(frozen=True)
class RenderedView(View):
    """A view whose picture is in memory."""

    picture: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((1, 1, 4), np.uint8))  # [H, W, 4]

    def photo(self) -> NDArray[np.uint8]:
        return self.picture


def with_stand_ins(
    scene: Scene, shown: Field, progress: Callable[[float], None] = lambda percent: None, side: int = SIDE
) -> Scene:
    """The scene itself where it has photos that can be used; else with pictures of what `shown` shows from all sides.
    `progress` receives the percentage."""
    if any(view.usable for view in scene.views):
        return scene
    cameras = list(_cameras(scene.box, side))
    views: list[View] = []
    for camera in cameras:
        seen = shown.render(camera)
        rgba = np.concatenate([seen.rgb, seen.alpha[..., None]], axis=-1).clip(0, 1)
        name = f"rendered-{len(views):02d}"
        views.append(RenderedView(name, camera, Path(name), picture=(rgba * 255 + 0.5).astype(np.uint8)))
        progress(100 * len(views) / len(cameras))
    return replace(scene, views=tuple(views))


def _cameras(box: NDArray[np.float64], side: int) -> Iterator[Camera]:
    corners = np.array(list(product(*box.T)))
    for elevation, count in RINGS:
        for index in range(count):
            yield orbit_camera(corners, 360 * (index + elevation / 90) / count, elevation, side)
