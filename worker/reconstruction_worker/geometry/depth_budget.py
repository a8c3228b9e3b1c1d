"""How many rays a field's depth is worth: as many as a machine casts in a given time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .rendering import Camera, Field

TRIAL_RAYS = 20_000
"""Rays that are cast to see how long they take."""


@dataclass(frozen=True)
class Budget:
    """How much may be rendered."""

    most_rays: int
    """Memory, too, is for so many only."""
    least_rays: int | None = None
    """However slow the machine is; None where speed is not asked for, and `most_rays` are cast."""
    seconds: float = 0.0
    """What may be cast in so long."""

    def rays(self, field: Field, camera: Camera) -> int:
        """How many rays to cast; the field is tried with a small picture from `camera`. The least number is doubled as
        often as time allows, so that two like machines decide alike."""
        if self.least_rays is None:
            return self.most_rays
        small = camera.scaled(min(1.0, (TRIAL_RAYS / (camera.width * camera.height)) ** 0.5))
        field.render(small)  # the first one also loads and compiles
        start = time.monotonic()
        field.render(small)
        speed = small.width * small.height / max(time.monotonic() - start, 1e-6)
        rays = self.least_rays
        while rays * 2 <= min(speed * self.seconds, self.most_rays):
            rays *= 2
        return rays


CPU_BUDGET = Budget(most_rays=8_000_000, least_rays=450_000, seconds=45)
GPU_BUDGET = Budget(most_rays=40_000_000)
GAUSSIANS_BUDGET = Budget(most_rays=24_000_000)
"""Gaussians are drawn by the million of pixels in a tenth of a second, on any machine."""
