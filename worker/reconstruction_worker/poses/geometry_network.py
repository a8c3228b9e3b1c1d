"""What a neural network that sees cameras and depth in photos takes and gives, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SeenGeometry:
    """Of N pictures of one size, in one world whose unit is arbitrary. Principal points are in the pictures' middle."""

    world_from_camera: NDArray[np.float64]  # [N, 4, 4], axes as in OpenCV
    focal: NDArray[np.float64]  # [N, 2], pixels along width and height
    depth: NDArray[np.float32]  # [N, H, W], along the camera's axis
    confidence: NDArray[np.float32]  # [N, H, W], larger is surer; comparable within a picture

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

    def look(self, pictures: NDArray[np.uint8]) -> SeenGeometry:
        """At all pictures [N, H, W, 3] at once; sides are multiples of 14 pixels."""
        ...
