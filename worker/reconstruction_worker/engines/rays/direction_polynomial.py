"""An encoding of directions that is a polynomial of their coordinates, such as spherical harmonics, as one product of
matrices: nerfstudio starts sixty kernels for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

DEGREE = 3
SAMPLES = 256


class DirectionPolynomial:
    """Any function of three coordinates whose results are polynomials of at most the third degree."""

    def __init__(self, encoding: Callable[[Tensor], Tensor], device: torch.device):
        """The coefficients are found from what `encoding` says of a few points [N, 3] on the CPU."""
        points = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (SAMPLES, 3)))
        values = encoding(points).double().numpy()
        solution = np.linalg.lstsq(_monomials(points).numpy(), values, rcond=None)[0]
        self.coefficients = torch.from_numpy(solution.astype(np.float32)).to(device)  # [4 ** DEGREE, D]

    def __call__(self, directions: Tensor) -> Tensor:
        """[N, D] of directions [N, 3]."""
        with torch.autocast(directions.device.type, enabled=False):
            return _monomials(directions) @ self.coefficients


def _monomials(points: Tensor) -> Tensor:
    """[N, 64]: all products of three of 1, x, y and z, in any order."""
    values = functional.pad(points, (1, 0), value=1.0)  # [N, 4]
    products = values
    for _ in range(DEGREE - 1):
        products = (products[:, :, None] * values[:, None]).flatten(1)
    return products
