"""Where Gaussians begin: at the points of the sparse model, in the colours of the photos that show them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..training.point_colours import GREY, point_colours
from ..training.posed_photos import PosedPhoto, Scene
from ..training.scene_bounds import Bounds

FEWEST = 100
"""Points below which Gaussians begin at random places instead."""


def seed_points(
    scene: Scene, photos: Sequence[PosedPhoto], pictures: Sequence[NDArray[np.uint8]], bounds: Bounds, count: int
) -> tuple[Tensor, Tensor]:
    """Positions [P, 3] in world units and colours [P, 3] in 0..255; `count` grey points at random in the box where the
    sparse model has too few."""
    if len(scene.points) < FEWEST:
        low, high = (torch.tensor(corner) for corner in (bounds.box or tuple(map(tuple, scene.box.tolist()))))
        return low + torch.rand(count, 3) * (high - low), torch.full((count, 3), GREY)
    colours, _ = point_colours(scene, photos, pictures)
    return torch.from_numpy(scene.points.astype(np.float32)), torch.from_numpy(colours)
