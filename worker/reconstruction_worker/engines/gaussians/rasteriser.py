"""What draws Gaussians, and says how to change them so that they show a photo better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .parameters import Parameters
from .shot import Shot

SSIM_SHARE = 0.2
"""Of structural similarity in the loss, beside the absolute differences (Kerbl et al. 2023, equation 7)."""


@dataclass(frozen=True)
class Shown:
    """A picture of Gaussians."""

    colours: NDArray[np.float32]  # [H, W, 3], premultiplied
    alphas: NDArray[np.float32]  # [H, W], 0..1
    depths: NDArray[np.float32]  # [H, W], z of the median in world units; 0 where half of the light passes


@dataclass(frozen=True)
class Target:
    """What a shot is to look like."""

    planes: Tensor  # [3, H, W] uint8, premultiplied
    alpha: Tensor  # [H, W] uint8
    background: NDArray[np.float32]  # [3], what to put behind both pictures
    gains: NDArray[np.float32]  # [3], the photo's exposure: factors of what is drawn


@dataclass(frozen=True)
class Comparison:
    """How a shot differs from its target."""

    loss: float
    mean_square_error: float
    seen: Tensor
    """Indices of the Gaussians that the shot shows, or on a GPU, where the processor would wait to learn how many they
    are, a mask [N]. The others' slopes are not set."""
    by_gains: NDArray[np.float64]  # [3], slopes


@dataclass(frozen=True)
class Slopes:
    """Where a comparison leaves the loss's slopes."""

    by: Parameters
    shown: Tensor
    """[N, 3], added to: the error that a Gaussian shows, the times that it was seen, the pixels' worth of light that it
    gave."""


class Rasteriser(Protocol):
    """On one device. `antialiased` Gaussians keep their weight in small pictures, see `projection`."""

    antialiased: bool

    def show(self, gaussians: Parameters, shot: Shot, degree: int) -> Shown:
        """Draw them, with harmonics up to a degree."""
        ...

    def compare(self, gaussians: Parameters, shot: Shot, target: Target, degree: int, slopes: Slopes) -> Comparison:
        """Draw them and fill the slopes."""
        ...
