"""A scene as Gaussians (Kerbl et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Gaussians:
    """N of them, z up."""

    means: NDArray[np.float32]  # [N, 3]
    scales: NDArray[np.float32]  # [N, 3], standard deviations along the Gaussian's own axes
    rotations: NDArray[np.float32]  # [N, 4], unit quaternions w, x, y, z
    opacities: NDArray[np.float32]  # [N], 0..1
    harmonics: NDArray[np.float32]  # [N, K, 3], coefficients of real spherical harmonics of the colour minus one half
    antialiased: bool = False
    """Whether one that is smaller than a pixel is shown the fainter for it, as it was trained (Yu et al. 2024,
    "Mip-Splatting"), and not as if it filled the pixel."""

    def __len__(self) -> int:
        return len(self.means)

    def scaled(self, factor: float) -> Gaussians:
        """In a unit that is `factor` times smaller."""
        return replace(self, means=self.means * np.float32(factor), scales=self.scales * np.float32(factor))

    def bounds(self) -> NDArray[np.float32]:
        """Lower and upper corner of the means. [2, 3]"""
        return np.stack([self.means.min(axis=0), self.means.max(axis=0)])
