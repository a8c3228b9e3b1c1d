"""A camera as the rasterisers take it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.rendering import Camera
from .conventions import FIELD_MARGIN, LEAST_DISTANCE, TILE

TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""From OpenGL's camera axes to x right, y down, z forward."""


@dataclass(frozen=True)
class Shot:
    """What the kernels know of a camera; see `projection`."""

    camera: Camera
    to_camera: NDArray[np.float32]  # [3, 3]
    shift: NDArray[np.float32]  # [3]
    eye: NDArray[np.float32]  # [3]
    lens: NDArray[np.float32]  # [11]

    @classmethod
    def of(cls, camera: Camera) -> Shot:
        to_world = camera.camera_to_world @ TO_OPENCV
        to_camera = np.linalg.inv(to_world)
        margin_x = FIELD_MARGIN * camera.width / camera.fx
        margin_y = FIELD_MARGIN * camera.height / camera.fy
        lens = [
            *(camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height, LEAST_DISTANCE),
            *(-camera.cx / camera.fx - margin_x, (camera.width - camera.cx) / camera.fx + margin_x),
            *(-camera.cy / camera.fy - margin_y, (camera.height - camera.cy) / camera.fy + margin_y),
        ]
        return cls(
            camera,
            np.ascontiguousarray(to_camera[:3, :3], np.float32),
            np.ascontiguousarray(to_camera[:3, 3], np.float32),
            np.ascontiguousarray(to_world[:3, 3], np.float32),
            np.array(lens, np.float32),
        )

    @property
    def width(self) -> int:
        return self.camera.width

    @property
    def height(self) -> int:
        return self.camera.height

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return -(-self.width // TILE)

    @property
    def tiles(self) -> int:
        return self.across * -(-self.height // TILE)

    def picture(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """From tiles [T, C, TILE_PIXELS] to a picture [H, W, C]."""
        grid = tiles.reshape(-1, self.across, tiles.shape[1], TILE, TILE).transpose(0, 3, 1, 4, 2)
        return grid.reshape(grid.shape[0] * TILE, self.across * TILE, -1)[: self.height, : self.width]
