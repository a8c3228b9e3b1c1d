"""The visual hull: the part of a box that no photo's mask rules out (Laurentini 1994).

Rays are sampled inside it only. That spends every sample near the object, and leaves no room for the haze that a
radiance field otherwise puts between the object and the cameras.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.rendering import Camera
from ..gpu_kernels import gpu_kernels_are_available

RESOLUTION = 128
"""Cells along each side of the box."""

MARGIN_SHARE = 0.004
"""Masks are widened by a pixel and this share of the picture's longer side, besides half a cell: edges of masks and
poses are never exact."""

WRONG_MASKS = 0.05
"""Share of the photos whose masks may miss a part of the object without it being cut away."""

STEPS = 160
"""Points that are looked at along a ray; at most 1.4 cells apart, less than the widening."""


class VisualHull:
    """A grid of cells over a box. `occupied` [G, G, G] (bool) is indexed x, y, z; `box` is [2, 3]."""

    def __init__(self, occupied: Tensor, box: Tensor):
        self.occupied = occupied
        self.box = box
        self._corner_and_cells: Tensor | None = None

    def to(self, device: torch.device) -> VisualHull:
        return VisualHull(self.occupied.to(device), self.box.to(device))

    def state(self) -> dict[str, Any]:
        """Tensors for a checkpoint."""
        packed = torch.from_numpy(np.packbits(self.occupied.cpu().numpy()))
        return {"packed": packed, "resolution": self.occupied.shape[0], "box": self.box.cpu()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> VisualHull:
        side = state["resolution"]
        bits = np.unpackbits(state["packed"].cpu().numpy(), count=side**3).astype(np.bool_)
        return cls(torch.from_numpy(bits).view(side, side, side), state["box"].cpu())

    def narrow(self, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
        """The part of the interval [`near`, `far`] ([N, 1] each) of each ray between the first and the last cell that
        is occupied; empty (`far == near`) where there is none. Rays are [N, 3]."""
        if origins.device.type == "cpu":
            return self._narrow_compiled(origins, directions, near, far)
        if not gpu_kernels_are_available():
            return self._narrow_by_torch(origins, directions, near, far)
        from ..gpu_kernels.sampling import narrow_intervals  # as long

        interval = torch.cat((near, far), dim=1)
        narrowed = narrow_intervals(origins, directions, interval, self.occupied, self._grid(), STEPS)
        return narrowed[:, :1], narrowed[:, 1:]

    def _narrow_compiled(self, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
        from .hull_kernels import narrow  # numba takes a second to import

        result = torch.empty(len(origins), 2)
        arguments = (origins, directions, near, far, self.occupied, self._low(), self._cells_a_unit(), result)
        narrow(len(origins), *(tensor.contiguous().numpy() for tensor in arguments), STEPS)
        return result[:, :1], result[:, 1:]

    def _narrow_by_torch(self, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
        side = self.occupied.shape[0]
        step = (far - near).clamp_min(0) / STEPS
        distances = near + step * (torch.arange(STEPS, device=near.device) + 0.5)  # [N, STEPS]
        points = origins[:, None] + directions[:, None] * distances[..., None]
        cells = ((points - self._low()) * self._cells_a_unit()).long().clamp(0, side - 1)
        hit = self.occupied[cells[..., 0], cells[..., 1], cells[..., 2]] & (far > near)
        first = hit.to(torch.uint8).argmax(1, keepdim=True)
        last = STEPS - 1 - hit.flip(1).to(torch.uint8).argmax(1, keepdim=True)
        found = hit.any(1, keepdim=True)
        return torch.where(found, near + step * first, near), torch.where(found, near + step * (last + 1), near)

    def _grid(self) -> Tensor:
        """[2, 3]: the lowest corner and the cells a unit, as the kernel takes them."""
        if self._corner_and_cells is None:
            self._corner_and_cells = torch.stack((self._low(), self._cells_a_unit()))
        return self._corner_and_cells

    def _low(self) -> Tensor:
        return self.box[0]

    def _cells_a_unit(self) -> Tensor:
        return self.occupied.shape[0] / (self.box[1] - self.box[0])


def carve(
    cameras: Sequence[Camera], alphas: Sequence[NDArray[np.uint8]], box: NDArray[np.float64]
) -> VisualHull | None:
    """The hull of the masks `alphas` ([H, W] each) inside `box` [2, 3]; None when the masks rule out everything.

    A cell goes when more than a few photos see it outside their mask. Photos that don't see it say nothing about it.
    """
    from .hull_kernels import look_up  # numba takes a second to import

    centres = _cell_centres(box)
    cell = float(np.linalg.norm((box[1] - box[0]) / RESOLUTION))
    seen = np.zeros(len(centres), np.int16)
    outside = np.zeros_like(seen)
    for camera, alpha in zip(cameras, alphas, strict=True):
        pose = camera.camera_to_world.astype(np.float32)
        lens = np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float32)
        look_up(len(centres), centres, pose, lens, _widened(alpha, camera, cell, box), seen, outside)
    occupied = (outside <= np.floor(WRONG_MASKS * seen.astype(np.float32))) & (seen > 0)
    if not occupied.any():
        return None
    cells = torch.from_numpy(occupied).view(RESOLUTION, RESOLUTION, RESOLUTION)
    return VisualHull(cells, torch.tensor(box, dtype=torch.float32))


def _cell_centres(box: NDArray[np.float64]) -> NDArray[np.float32]:
    """[RESOLUTION ** 3, 3], z fastest."""
    axes = [
        (low + (np.arange(RESOLUTION) + 0.5) / RESOLUTION * (high - low)).astype(np.float32)
        for low, high in zip(box[0], box[1], strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _widened(alpha: NDArray[np.uint8], camera: Camera, cell: float, box: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The mask and all within half a cell of it, as seen at the near side of the box."""
    centre, radius = box.mean(0), float(np.linalg.norm(box[1] - box[0])) / 2
    nearest = max(float(np.linalg.norm(camera.camera_to_world[:3, 3] - centre)) - radius, 0.1 * radius)
    margin = 1 + MARGIN_SHARE * max(camera.width, camera.height)
    reach = math.ceil(margin + 0.5 * cell * max(camera.fx, camera.fy) / nearest)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate((alpha > 0).astype(np.uint8), disc) > 0
