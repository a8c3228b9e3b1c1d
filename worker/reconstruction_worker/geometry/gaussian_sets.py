"""Gaussians turned, chosen and put in order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .gaussians import Gaussians
from .harmonics import turned

_BITS = 21
"""Of each coordinate in a position on the Z-order curve."""
_SPREAD = (
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)
"""Steps that move the bits of a number three apart: shift and mask."""


def rotated(gaussians: Gaussians, rotation: NDArray[np.floating]) -> Gaussians:
    """The scene turned by a rotation [3, 3]: positions, axes and the colours that depend on the direction."""
    w, xyz = gaussians.rotations[:, :1], gaussians.rotations[:, 1:]
    axes = (Rotation.from_matrix(rotation) * Rotation.from_quat(np.concatenate([xyz, w], axis=1))).as_quat()
    return replace(
        gaussians,
        means=(gaussians.means @ np.asarray(rotation, np.float32).T).astype(np.float32),
        rotations=np.roll(axes, 1, axis=1).astype(np.float32),
        harmonics=turned(gaussians.harmonics, rotation),
    )


def chosen(gaussians: Gaussians, index: NDArray[np.integer] | slice) -> Gaussians:
    """Some of them, in the order of `index`."""
    return replace(
        gaussians,
        means=gaussians.means[index],
        scales=gaussians.scales[index],
        rotations=gaussians.rotations[index],
        opacities=gaussians.opacities[index],
        harmonics=gaussians.harmonics[index],
    )


def z_order(points: NDArray[np.floating]) -> NDArray[np.int64]:
    """Indices that bring neighbours in space [N, 3] together (Morton 1966): what is stored in blocks or compressed
    becomes smaller."""
    low, span = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-12)
    steps = ((points - low) / span * (2**_BITS - 1)).astype(np.uint64)
    code = np.zeros(len(points), np.uint64)
    for axis in range(3):
        code |= _spread(steps[:, axis]) << np.uint64(axis)
    return np.argsort(code, kind="stable")


def _spread(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    for shift, mask in _SPREAD:
        values = (values | (values << np.uint64(shift))) & np.uint64(mask)
    return values
