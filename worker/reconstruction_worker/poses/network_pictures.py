"""Photos as a geometry network takes them: all of one size, and what became of each photo on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_SIDE: Final = 504
"""Pixels of a picture's longer side, unless a network was trained with another."""
PATCH: Final = 14
"""Pixels that sides are multiples of."""


@dataclass(frozen=True)
class Frame:
    """How a photo [height, width] is shown: scaled to `scaled` (width, height), then cut from its middle."""

    photo: tuple[int, int]
    """Width and height."""
    scaled: tuple[int, int]
    shown: tuple[int, int]

    @property
    def corner(self) -> tuple[int, int]:
        """Column and row of the scaled photo at which the shown part begins."""
        return (self.scaled[0] - self.shown[0]) // 2, (self.scaled[1] - self.shown[1]) // 2

    @property
    def shown_share(self) -> float:
        """Of the photo's area."""
        return self.shown[0] * self.shown[1] / (self.scaled[0] * self.scaled[1])

    def picture(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The shown part of a photo's colours [H, W, 3]."""
        smaller = self.scaled[0] < self.photo[0]
        scaled = cv2.resize(rgb, self.scaled, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
        (column, row), (width, height) = self.corner, self.shown
        return scaled[row : row + height, column : column + width].astype(np.uint8)

    def of_photo(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values [h, w] of the shown part as those of the whole photo, scaled; 0 where it was not shown."""
        width, height = self.scaled
        whole = np.zeros((height, width), np.float32)
        column, row = self.corner
        whole[row : row + self.shown[1], column : column + self.shown[0]] = values
        return whole

    def focal(self, focal: NDArray[np.float64]) -> float:
        """The photo's focal length in pixels for that of the picture along width and height [2]."""
        return float(np.mean(focal * np.array(self.photo) / np.array(self.scaled)))

    def focal_of_picture(self, focal: float | None) -> NDArray[np.float64]:
        """The other way round [2]; NaN where the photo's is not known."""
        return np.array(self.scaled) / np.array(self.photo) * (np.nan if focal is None else focal)


def frames_of(sizes: Sequence[tuple[int, int]], long_side: int = LONG_SIDE) -> list[Frame]:
    """For photos of these sizes (width, height). Those of other shapes than the rest lose their margins."""
    scaled = [_scaled(size, long_side) for size in sizes]
    shown = min(width for width, _ in scaled), min(height for _, height in scaled)
    return [Frame(size, each, shown) for size, each in zip(sizes, scaled, strict=True)]


def _scaled(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    factor = long_side / max(size)
    width, height = (max(PATCH, round(side * factor / PATCH) * PATCH) for side in size)
    return width, height
