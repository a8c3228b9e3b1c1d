"""A trained scene that can be asked what a camera sees."""

from __future__ import annotations

import numpy as np
import torch

from ...geometry.rendering import Camera, Rendering
from ..training.scene_bounds import Bounds
from .ray_model import RayModel
from .rays import CameraRig, Rays

CHUNK = {"cpu": 8192, "cuda": 65536}
"""Rays rendered at once: bounds memory for pictures of any size."""

OPAQUE_ENOUGH = 1e-3
"""Accumulated opacity below which a pixel's colour says nothing; it is left black."""


class RadianceField:
    """Renders a `RayModel`. `depth` is the distance at which half of the ray's opacity is reached (the median): unlike
    the mean it lies on a surface also at the edge between a near and a far one."""

    def __init__(self, model: RayModel, bounds: Bounds, device: torch.device, chunk: int | None = None):
        """`chunk` is how many rays are rendered at once."""
        self.model = model
        self.bounds = bounds.to(device)
        self.device = device
        self.chunk = chunk or CHUNK[device.type]
        model.module.eval()

    @torch.inference_mode()
    def render(self, camera: Camera) -> Rendering:
        count = camera.width * camera.height
        rig = CameraRig([camera], self.device)
        rgb, alpha, depth = (np.zeros((count, channels), np.float32) for channels in (3, 1, 1))
        for start in range(0, count, self.chunk):
            pixels = torch.arange(start, min(start + self.chunk, count), device=self.device)
            view = torch.zeros_like(pixels)
            rows = pixels.div(camera.width, rounding_mode="floor")
            origins, directions = rig.rays(view, pixels - rows * camera.width, rows)
            near, far = self.bounds.interval(origins, directions)
            hit = (far > near)[:, 0].nonzero()[:, 0]
            if len(hit) == 0:
                continue
            rays = Rays(origins, directions, near, far, view[:, None], rig.log_exposures[view])
            seen = self.model.colours(rays[hit])
            where = start + hit.cpu().numpy()
            visible = seen.alpha > OPAQUE_ENOUGH
            rgb[where] = torch.where(visible, (seen.rgb / seen.alpha).clamp(0, 1), 0).float().cpu().numpy()
            alpha[where] = seen.alpha.clamp(0, 1).float().cpu().numpy()
            depth[where] = seen.depth.float().cpu().numpy()
        shape = (camera.height, camera.width)
        return Rendering(rgb.reshape(*shape, 3), alpha.reshape(shape), depth.reshape(shape))
