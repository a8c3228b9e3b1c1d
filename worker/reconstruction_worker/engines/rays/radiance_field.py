"""A trained scene that can be asked what a camera sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...geometry.rendering import Camera, Rendering
from ..training.out_of_memory import exhausted, free_bytes, is_out_of_memory, rays_that_fit
from ..training.scene_bounds import Bounds
from .ray_model import RayModel
from .rays import CameraRig, Rays

CHUNK = {"cpu": 8192, "cuda": 16384}
"""Rays rendered at once where memory allows it; more are no faster."""
SMALLEST_CHUNK = 256
"""Rays below which they are not divided any further when memory runs out."""

OPAQUE_ENOUGH = 1e-3
"""Accumulated opacity below which a pixel's colour says nothing; it is left black."""


class RadianceField:
    """Renders a `RayModel`. `depth` is the distance at which half of the ray's opacity is reached (the median): unlike
    the mean it lies on a surface also at the edge between a near and a far one.

    Rays are rendered `chunk` at a time, half as many from where memory runs out.
    """

    def __init__(self, model: RayModel, bounds: Bounds, device: torch.device, chunk: int):
        self.model = model
        self.bounds = bounds.to(device)
        self.device = device
        self.chunk = chunk
        model.module.eval()

    @torch.inference_mode()
    def render(self, camera: Camera) -> Rendering:
        """Raises GPUOutOfMemory or HostOutOfMemory when not even a small chunk fits."""
        count = camera.width * camera.height
        rig = CameraRig([camera], self.device)
        rgb, alpha, depth = (np.zeros((count, channels), np.float32) for channels in (3, 1, 1))
        start = 0
        while start < count:
            end = min(start + self.chunk, count)
            try:
                found = self._render_pixels(rig, camera.width, start, end)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._divide(error)
                found = None
            if found is None:
                # Outside of the handler: the exception would keep the chunk's tensors alive.
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                continue
            where, *seen = found
            for picture, values in zip((rgb, alpha, depth), seen, strict=True):
                picture[where] = values
            start = end
        shape = (camera.height, camera.width)
        return Rendering(rgb.reshape(*shape, 3), alpha.reshape(shape), depth.reshape(shape))

    def _render_pixels(self, rig: CameraRig, width: int, start: int, end: int) -> tuple[NDArray[Any], ...]:
        """Which of the pixels from `start` to `end` see something [K], and their colours, opacities and depths."""
        pixels = torch.arange(start, end, device=self.device)
        view = torch.zeros_like(pixels)
        rows = pixels.div(width, rounding_mode="floor")
        origins, directions = rig.rays(view, pixels - rows * width, rows)
        near, far = self.bounds.interval(origins, directions)
        hit = (far > near)[:, 0].nonzero()[:, 0]
        if len(hit) == 0:
            return np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 1)), np.zeros((0, 1))
        rays = Rays(origins, directions, near, far, view[:, None], rig.log_exposures[view])
        seen = self.model.colours(rays[hit])
        visible = seen.alpha > OPAQUE_ENOUGH
        rgb = torch.where(visible, (seen.rgb / seen.alpha).clamp(0, 1), 0)
        values = (each.float().cpu().numpy() for each in (rgb, seen.alpha.clamp(0, 1), seen.depth))
        return (start + hit.cpu().numpy(), *values)

    def _divide(self, error: BaseException) -> None:
        if self.chunk <= SMALLEST_CHUNK:
            raise exhausted(
                self.device, f"Rendering does not fit into memory, not even {self.chunk} rays at once"
            ) from error
        self.chunk = max(SMALLEST_CHUNK, self.chunk // 2)


def chunk_that_fits(bytes_per_ray: int, device: torch.device) -> int:
    """How many rays to render at once, by what each takes and what is free now."""
    largest = CHUNK[device.type]
    if device.type == "cpu":
        return largest
    return rays_that_fit(bytes_per_ray, free_bytes(device), SMALLEST_CHUNK, largest)
