"""Photos as a pinhole camera would have taken them, with the mask as alpha."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pycolmap
from numpy.typing import NDArray

from .colmap_cameras import project, rays

NEGLIGIBLE_PIXELS: Final = 0.1
"""Displacement by distortion up to which a photo is kept as it is: resampling would cost more than it fixes."""

SourcePixels = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Columns and rows [h, w]."""


def pinhole_of(camera: pycolmap.Camera) -> pycolmap.Camera:
    """The pinhole camera whose picture holds as much as possible of a distorted photo without empty borders."""
    if _displacement(camera) <= NEGLIGIBLE_PIXELS:
        matrix = camera.calibration_matrix()
        return pycolmap.Camera(
            model="PINHOLE",
            width=camera.width,
            height=camera.height,
            params=[matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]],
        )
    return pycolmap.undistort_camera(pycolmap.UndistortCameraOptions(), camera)


class Undistorter:
    """Resamples photos of one camera."""

    def __init__(self, camera: pycolmap.Camera):
        self.pinhole = pinhole_of(camera)
        self._camera = camera
        self.keeps_pixels = _displacement(camera) <= NEGLIGIBLE_PIXELS
        """Whether photos are left as they are."""

    @cached_property
    def _map(self) -> SourcePixels | None:
        return None if self.keeps_pixels else _source_pixels(self._camera, self.pinhole)

    def write(self, rgb: NDArray[np.uint8], mask: NDArray[np.uint8] | None, path: Path) -> None:
        """Save colours [H, W, 3] and coverage [H, W] as a PNG of the pinhole camera, RGB or RGBA."""
        picture = self.apply(rgb if mask is None else np.dstack([rgb, mask]))
        order = cv2.COLOR_RGB2BGR if mask is None else cv2.COLOR_RGBA2BGRA
        # Half the time of Pillow's usual level, for a hundredth more of bytes.
        _, png = cv2.imencode(".png", cv2.cvtColor(picture, order), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        path.write_bytes(png.tobytes())

    def pixels(
        self, column: NDArray[np.float64], row: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, int]]:
        """Where in the photo, with its size (width, height), pixels [h, w] of the pinhole picture are
        found. Both count from the corner of the upper left pixel."""
        size = self._camera.width, self._camera.height
        if self.keeps_pixels:
            return column, row, size
        return *_mapped(self._camera, self.pinhole, column, row), size

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resample [H, W, 3 or 4]. Colours are weighted by alpha, so that nothing of the background bleeds in."""
        if self._map is None:
            return picture
        if picture.shape[2] == 3:
            resampled = cv2.remap(picture, *self._map, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            return resampled.astype(np.uint8)
        colours = picture[..., :3].astype(np.float32) * (picture[..., 3:].astype(np.float32) / 255)
        premultiplied = np.dstack([colours, picture[..., 3].astype(np.float32)])
        result = cv2.remap(premultiplied, *self._map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        result[..., :3] /= np.maximum(result[..., 3:] / 255, 1e-6)
        return np.clip(np.round(result), 0, 255).astype(np.uint8)


def _displacement(camera: pycolmap.Camera) -> float:
    """Largest distance in pixels, over the photo, between where distortion puts a ray and where a pinhole would."""
    x, y = np.meshgrid(np.linspace(0, camera.width, 17), np.linspace(0, camera.height, 17))
    pixels = np.stack([x, y], axis=-1).reshape(-1, 2)
    plane = rays(camera, pixels)
    matrix = camera.calibration_matrix()
    straight = plane @ matrix[:2, :2].T + matrix[:2, 2]
    return float(np.abs(straight - pixels).max())


def _source_pixels(camera: pycolmap.Camera, pinhole: pycolmap.Camera) -> SourcePixels:
    """For each pixel of the pinhole picture its column and row [h, w] in the photo, as OpenCV counts (pixel centres are
    whole numbers; in COLMAP they are halves)."""
    x, y = np.meshgrid(np.arange(pinhole.width) + 0.5, np.arange(pinhole.height) + 0.5)
    column, row = _mapped(camera, pinhole, x, y)
    return (column - 0.5).astype(np.float32), (row - 0.5).astype(np.float32)


def _mapped(
    camera: pycolmap.Camera, pinhole: pycolmap.Camera, column: NDArray[np.floating], row: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Column and row [h, w] in the photo of pixels in the pinhole picture, as COLMAP counts."""
    directions = rays(pinhole, np.stack([column, row], axis=-1).reshape(-1, 2).astype(np.float64))
    found = project(camera, np.hstack([directions, np.ones((len(directions), 1))]))
    return found[:, 0].reshape(column.shape), found[:, 1].reshape(row.shape)
