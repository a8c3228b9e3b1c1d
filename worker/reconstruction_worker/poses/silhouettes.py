"""Where an object can be, judged by its outlines alone (Laurentini, The visual hull concept, 1994)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .colmap_cameras import project
from .posed_model import PosedModel

RESOLUTION: Final = 64
"""Cells along each side of the box that is carved."""
SIDE_PIXELS: Final = 256
"""Longer side of the masks that carve."""
TOLERATED: Final = 0.03
"""Share of the photos that see a cell and may contradict it: masks have holes, poses errors."""


@dataclass(frozen=True)
class Silhouette:
    """A photo's mask, made small."""

    inside: NDArray[np.bool_]  # [h, w], dilated by about a pixel
    scale: float
    """Pixels of `inside` for a pixel of the photo."""
    background_share: float
    """Share of the photo that is not the object."""
    whole: bool
    """Whether the object is in the picture as a whole: its outline does not touch the border."""

    @classmethod
    def of(cls, mask: NDArray[np.uint8]) -> Silhouette:
        """From coverage [H, W], 0 to 255."""
        scale = min(1.0, SIDE_PIXELS / max(mask.shape))
        size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
        small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
        object_ = small >= 64
        dilated = cv2.dilate(object_.astype(np.uint8), np.ones((3, 3), np.uint8))
        border = np.concatenate([object_[0], object_[-1], object_[:, 0], object_[:, -1]])
        return cls(dilated > 0, scale, float((mask < 128).mean()), not bool(border.any()))


def hull_box(
    model: PosedModel, silhouettes: list[Silhouette | None], limits: NDArray[np.float64], *, whole_in_view: bool = False
) -> NDArray[np.float64] | None:
    """The box [2, 3] around all cells of `limits` [2, 3] that the silhouettes (one for each shot) do not rule out; None
    when they rule out everything. With `whole_in_view` a photo that shows the object as a whole also rules out what is
    outside of the photo."""
    steps = (np.arange(RESOLUTION) + 0.5) / RESOLUTION
    axes = [limits[0, k] + steps * (limits[1, k] - limits[0, k]) for k in range(3)]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    seen = np.zeros(len(cells), np.int32)
    contradicted = np.zeros(len(cells), np.int32)
    for shot, silhouette in zip(model.shots, silhouettes, strict=True):
        if silhouette is None:
            continue
        camera, pose = model.cameras[shot.camera_id], shot.world_from_camera
        local = (cells - pose[:3, 3]) @ pose[:3, :3]
        pixels = project(camera, local)
        column, row = np.floor(np.nan_to_num(pixels, nan=-1.0) * silhouette.scale).astype(np.int64).T
        height, width = silhouette.inside.shape
        visible = (column >= 0) & (row >= 0) & (column < width) & (row < height)
        seen += visible
        contradicted[visible] += ~silhouette.inside[row[visible], column[visible]]
        if whole_in_view and silhouette.whole:
            contradicted += ~visible
    views = sum(silhouette is not None for silhouette in silhouettes)
    possible = (seen >= max(2, views // 4)) & (contradicted <= TOLERATED * seen)
    if not possible.any():
        return None
    half = (limits[1] - limits[0]) / RESOLUTION / 2
    return np.stack([cells[possible].min(axis=0) - half, cells[possible].max(axis=0) + half])
