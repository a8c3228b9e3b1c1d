"""Real spherical harmonics up to the third degree, in the order and with the signs of Kerbl et al. 2023: with the
Condon-Shortley phase, as in appendix A of the glTF extension KHR_gaussian_splatting."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

CONSTANT: Final = 0.28209479177387814
"""Of degree 0: a coefficient of 1 adds so much to the colour."""
DEGREES: Final = {1: 0, 4: 1, 9: 2, 16: 3}
"""Degree of so many coefficients."""


def basis(directions: NDArray[np.floating], degree: int) -> NDArray[np.float64]:
    """Value of each function along unit vectors. [N, 3] -> [N, (degree + 1)²]"""
    x, y, z = np.asarray(directions, np.float64).T
    values = [np.full(len(x), CONSTANT)]
    if degree >= 1:
        values += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    if degree >= 2:
        values += [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (3 * z * z - 1),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (x * x - y * y),
        ]
    if degree >= 3:
        values += [
            -0.5900435899266435 * y * (3 * x * x - y * y),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (5 * z * z - 1),
            0.3731763325901154 * z * (5 * z * z - 3),
            -0.4570457994644658 * x * (5 * z * z - 1),
            1.445305721320277 * z * (x * x - y * y),
            -0.5900435899266435 * x * (x * x - 3 * y * y),
        ]
    return np.stack(values, axis=1)


def turned(coefficients: NDArray[np.float32], rotation: NDArray[np.floating]) -> NDArray[np.float32]:
    """The coefficients [N, K, 3] of what has been turned by a rotation [3, 3].

    The functions of a degree turn among themselves. Their matrix is solved for from values along many directions: a
    turned function has along d the value that it had along the direction that was turned to d.
    """
    degree = DEGREES[coefficients.shape[1]]
    around = _directions()
    here, before = basis(around, degree), basis(around @ rotation, degree)
    result = coefficients.copy()
    for each in range(1, degree + 1):
        band = slice(each**2, (each + 1) ** 2)
        matrix = np.linalg.lstsq(here[:, band], before[:, band], rcond=None)[0]
        result[:, band] = np.einsum("kj,njc->nkc", matrix, coefficients[:, band]).astype(np.float32)
    return result


@cache
def _directions() -> NDArray[np.float64]:
    """Unit vectors spread over the sphere (a Fibonacci lattice). [64, 3]"""
    index = np.arange(64) + 0.5
    z, angle = 1 - index / 32, np.pi * (1 + 5**0.5) * index
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], axis=1)
