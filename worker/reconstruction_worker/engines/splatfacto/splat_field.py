"""Trained Gaussians that can be asked what a camera sees."""

from __future__ import annotations

import numpy as np
import torch

from ...geometry.rendering import Camera, Rendering
from ..training.out_of_memory import exhausted, is_out_of_memory
from .splat_model import Splats, Views, rasterised

OPAQUE_ENOUGH = 1e-3
"""Opacity below which a pixel's colour says nothing; it is left black."""


class SplatField:
    """Renders a model. `depth` is the mean over the Gaussians that a ray passes, weighted by what they show."""

    def __init__(self, module: Splats):
        self.module = module
        module.eval()

    @torch.no_grad()
    def render(self, camera: Camera) -> Rendering:
        """Raises GPUOutOfMemory where the picture does not fit beside the Gaussians."""
        try:
            seen = rasterised(self.module, Views([camera], self.module.device), 0)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            what = f"A picture of {camera.width} x {camera.height} pixels of {len(self.module.means)} Gaussians"
            raise exhausted(self.module.device, f"{what} does not fit into memory") from error
        assert seen.depth is not None
        alpha = seen.alpha.clamp(0, 1)  # [H, W, 1]
        visible = alpha > OPAQUE_ENOUGH
        rgb = torch.where(visible, seen.rgb / alpha.clamp_min(OPAQUE_ENOUGH), 0).clamp(0, 1)
        depth = torch.where(visible, seen.depth, 0)[..., 0].float().cpu().numpy() * _ray_lengths(camera)
        return Rendering(rgb.float().cpu().numpy(), alpha[..., 0].float().cpu().numpy(), depth.astype(np.float32))


def _ray_lengths(camera: Camera) -> np.ndarray:
    """[H, W]: distance along a pixel's ray for each unit of depth."""
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    return np.sqrt(1 + x[None, :] ** 2 + y[:, None] ** 2)
