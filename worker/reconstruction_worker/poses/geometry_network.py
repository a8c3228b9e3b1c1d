"""What a neural network that sees cameras and depth in photos takes and gives, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SeenGeometry:
    """Of N pictures of one size, in one world. Principal points are in the pictures' middle."""

    world_from_camera: NDArray[np.float64]  # [N, 4, 4], axes as in OpenCV
    focal: NDArray[np.float64]  # [N, 2], pixels along width and height
    depth: NDArray[np.float32]  # [N, H, W], along the camera's axis
    confidence: NDArray[np.float32]  # [N, H, W], larger is surer; comparable within a picture
    metric: bool = False
    """Whether a unit is a metre, by the network's estimate; otherwise it is arbitrary."""

    @property
    def sane(self) -> bool:
        """Whether all of it is numbers that cameras and distances can have."""
        numbers = (self.world_from_camera, self.focal, self.depth, self.confidence)
        return all(bool(np.isfinite(each).all()) for each in numbers) and bool((self.focal > 0).all())


class GeometryNetwork(Protocol):
    """One network with its weights."""

    @property
    def name(self) -> str:
        """As `recon weights` knows it."""
        ...

    @property
    def long_side(self) -> int:
        """Pixels of a picture's longer side: what it was trained with, a multiple of 14."""
        ...

    def look(self, pictures: NDArray[np.uint8], focal: NDArray[np.float64]) -> SeenGeometry:
        """At all pictures [N, H, W, 3] at once; sides are multiples of 14 pixels. `focal` [N, 2] are the focal lengths
        along width and height in pixels, NaN where nobody knows."""
        ...
