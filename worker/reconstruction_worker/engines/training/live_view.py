"""A picture of what is being trained, every few seconds, while somebody looks (`recon view`)."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from PIL import Image

from reconstruction_api.live_view import FOLDER, PICTURE, WANTED, WANTED_SECONDS

from ...files import write_atomically
from ...geometry.rendering import Camera, Field
from ...quality.metrics import over_white

SIDE: Final = 320
"""Longer side of a picture, in pixels."""
SECONDS_BETWEEN: Final = 3.0
MOST_SHARE: Final = 0.1
"""Of the time, at most, that goes into pictures."""


class LiveView:
    """What a camera sees, as a file. Nothing is rendered while nobody asks."""

    def __init__(self, workspace: Path, camera: Camera, clock: Callable[[], float] = time.monotonic):
        self._folder = workspace / FOLDER
        self._camera = camera.scaled(min(1.0, SIDE / max(camera.width, camera.height)))
        self._clock = clock
        self._next = 0.0

    def is_due(self) -> bool:
        return self._clock() >= self._next and self._is_wanted()

    def take(self, looking: Callable[[], AbstractContextManager[Field]]) -> None:
        """Render and write. A disk that is full, or read-only, does not stop the training."""
        started = self._clock()
        with looking() as field:
            seen = field.render(self._camera)
        picture = (over_white(seen.rgb, seen.alpha).clip(0, 1) * 255 + 0.5).astype("uint8")
        data = io.BytesIO()
        Image.fromarray(picture).save(data, "JPEG", quality=85)
        with contextlib.suppress(OSError):
            write_atomically(self._folder / PICTURE, data.getvalue())
        ended = self._clock()
        self._next = ended + max(SECONDS_BETWEEN, (ended - started) * (1 - MOST_SHARE) / MOST_SHARE)

    def _is_wanted(self) -> bool:
        try:
            asked = (self._folder / WANTED).stat().st_mtime
        except OSError:
            return False
        return time.time() - asked < WANTED_SECONDS
