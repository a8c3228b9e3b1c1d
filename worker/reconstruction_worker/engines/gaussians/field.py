"""Trained Gaussians that can be asked what a camera sees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...geometry.rendering import Camera, Rendering
from .parameters import Parameters, degree_of
from .rasteriser import Rasteriser
from .shot import Shot

OPAQUE_ENOUGH = 1e-3
"""Opacity below which a pixel's colour says nothing; it is left black."""


class SplatsField:
    """Renders Gaussians. `depth` is the median: where half of a ray's light is held back, on the plane of the Gaussian
    that does it."""

    def __init__(self, gaussians: Parameters, exposures: Mapping[str, NDArray[np.float32]], rasteriser: Rasteriser):
        """`exposures` are those of `Exposures.learnt`; none for Gaussians that show all views alike."""
        self._gaussians = gaussians
        self._exposures = exposures
        self._rasteriser = rasteriser

    def render(self, camera: Camera) -> Rendering:
        shown = self._rasteriser.show(self._gaussians, Shot.of(camera), degree_of(self._gaussians))
        visible = shown.alphas > OPAQUE_ENOUGH
        rgb = shown.colours * self._gains(camera) / np.maximum(shown.alphas, OPAQUE_ENOUGH)[..., None]
        depth = np.where(visible, shown.depths, 0) * _ray_lengths(camera)
        return Rendering(
            np.where(visible[..., None], rgb.clip(0, 1), 0).astype(np.float32),
            shown.alphas.clip(0, 1).astype(np.float32),
            depth.astype(np.float32),
        )

    def _gains(self, camera: Camera) -> NDArray[np.float32]:
        if not self._exposures:
            return np.ones(3, np.float32)
        return np.exp(camera.log_exposure * self._exposures["exponents"] + self._exposures["exposure"])


def _ray_lengths(camera: Camera) -> NDArray[np.float64]:
    """[H, W]: distance along a pixel's ray for each unit of depth."""
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    return np.sqrt(1 + x[None, :] ** 2 + y[:, None] ** 2)
