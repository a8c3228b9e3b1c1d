"""Rays of cameras, as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...geometry.rendering import Camera
from ..training.scene_bounds import Bounds


@dataclass(frozen=True)
class Rays:
    """N rays in world space. Samples are taken between the distances `near` and `far`."""

    origins: Tensor  # [N, 3]
    directions: Tensor  # [N, 3], unit length
    near: Tensor  # [N, 1]
    far: Tensor  # [N, 1]
    cameras: Tensor  # [N, 1], int64: which training camera
    log_exposures: Tensor  # [N, 1], as `Camera.log_exposure`
    surface: Tensor | None = None  # [N, 1], distance of the surface where it is known, 0 elsewhere
    reach: Tensor | None = None  # [N, 1], how far from that distance the surface may be; with `surface`

    def __len__(self) -> int:
        return self.origins.shape[0]

    def __getitem__(self, rows: Tensor | slice) -> Rays:
        return Rays(*(None if tensor is None else tensor[rows] for tensor in vars(self).values()))  # type: ignore[arg-type]


class CameraRig:
    """Cameras as tensors, so that rays of any pixels of any of them are made at once."""

    def __init__(self, cameras: Sequence[Camera], device: torch.device):
        def tensor(rows: list[object]) -> Tensor:
            return torch.tensor(np.array(rows, np.float32), device=device)

        self.rotations = tensor([camera.camera_to_world[:3, :3] for camera in cameras])  # [V, 3, 3]
        self.positions = tensor([camera.camera_to_world[:3, 3] for camera in cameras])  # [V, 3]
        self.focal = tensor([(camera.fx, camera.fy) for camera in cameras])  # [V, 2]
        self.centre = tensor([(camera.cx, camera.cy) for camera in cameras])  # [V, 2]
        self.log_exposures = tensor([(camera.log_exposure,) for camera in cameras])  # [V, 1]

    def rays(self, views: Tensor, columns: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Origins and unit directions [N, 3] through the pixels' centres; all arguments [N], int64. A pixel's centre is
        half a pixel from its corner, as in COLMAP and nerfstudio."""
        pixels = torch.stack((columns, rows), -1).to(self.focal.dtype) + 0.5
        plane = (pixels - self.centre[views]) / self.focal[views]
        local = torch.stack((plane[:, 0], -plane[:, 1], torch.full_like(plane[:, 0], -1)), -1)
        directions = (self.rotations[views] @ local[:, :, None])[:, :, 0]
        return self.positions[views], directions / directions.norm(dim=-1, keepdim=True)


UNIFORM_UP_TO = 8.0
"""Ratio of far to near distance up to which samples are spread evenly; beyond it, evenly in disparity far away."""


def spread_of_samples(bounds: Bounds, near: float, far: float) -> str:
    """How samples are spread along a ray before anything is known of the scene, which begins at `near` and ends at
    `far`: `uniform` where all of it is about equally far away or in a box, otherwise `piecewise`, farther apart the
    farther away."""
    alike = far / max(near, 1e-6) <= UNIFORM_UP_TO
    return "uniform" if bounds.box is not None or alike else "piecewise"
