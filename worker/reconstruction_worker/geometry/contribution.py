"""How much each Gaussian adds to what cameras see, and so which may be left out.

Gaussians are projected as ellipses (Zwicker et al. 2001, "EWA Volume Splatting") and composed from front to back in
small pictures; the contribution is the sum of opacity times what is left of the light, over all pixels and views (as in
Fan et al. 2023, "LightGaussian", without their factor for the volume).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..compiled import compiled
from .cameras import project
from .gaussians import Gaussians
from .orbit import orbit_camera
from .rendering import Camera

SIDE: Final = 240
"""Longer side of the pictures, in pixels."""
MOST_VIEWS: Final = 24
NEAR: Final = 1e-3
"""Gaussians nearer than so much of the scene's extent are not seen."""
BLUR: Final = 0.3
"""Variance that a pixel's own extent adds to an ellipse, in square pixels (Kerbl et al. 2023)."""
FAINTEST: Final = 1 / 255
"""Opacity in a pixel below which nothing is drawn."""
AROUND: Final = ((5.0, 8), (45.0, 6), (-35.0, 6))
"""Elevation in degrees and number of cameras, where nobody knows where the photos were taken from."""


def contributions(
    gaussians: Gaussians, cameras: Sequence[Camera], progress: Callable[[float], None] = lambda percent: None
) -> NDArray[np.float32]:
    """Of each Gaussian, in pixels. [N] `cameras` may be empty: then the scene is looked at from around."""
    seen = [_small(camera) for camera in _some(cameras)] or list(_around(gaussians))
    total = np.zeros(len(gaussians), np.float32)
    covariances = covariance(gaussians)
    for done, camera in enumerate(seen):
        shown = ellipses(gaussians, covariances, camera)
        light = np.ones((camera.height, camera.width), np.float32)
        _compose(shown.order, shown.centres, shown.conics, shown.reaches, shown.opacities, light, total)
        progress(100 * (done + 1) / len(seen))
    return total


def covariance(gaussians: Gaussians) -> NDArray[np.float32]:
    """[N, 3, 3]"""
    turns = Rotation.from_quat(np.roll(gaussians.rotations, -1, axis=1)).as_matrix().astype(np.float32)
    stretched = turns * gaussians.scales[:, None, :]
    return stretched @ stretched.transpose(0, 2, 1)


@dataclass(frozen=True)
class Ellipses:
    """What a camera sees of Gaussians, in pixels."""

    order: NDArray[np.int64]
    """Indices of those that can be seen, from the nearest on."""
    centres: NDArray[np.float32]  # [N, 2]
    conics: NDArray[np.float32]  # [N, 3], inverse covariances: xx, xy, yy
    reaches: NDArray[np.float32]  # [N], how far from the centre it can be seen
    opacities: NDArray[np.float32]  # [N], in the centre


def ellipses(gaussians: Gaussians, covariances: NDArray[np.float32], camera: Camera) -> Ellipses:
    """What a camera sees of Gaussians with these covariances [N, 3, 3] in the world."""
    centres, depth = project(camera, gaussians.means.astype(np.float64))
    pose = camera.camera_to_world[:3, :3] * (1, -1, -1)  # columns: right, down, forward
    x, y = ((centres - (camera.cx, camera.cy)) / (camera.fx, camera.fy)).T
    z = np.where(depth > 0, depth, 1.0)
    lens = np.zeros((len(z), 2, 3))
    lens[:, 0, 0], lens[:, 1, 1] = camera.fx / z, camera.fy / z
    lens[:, 0, 2], lens[:, 1, 2] = (
        -camera.fx * _within(x, camera.width / camera.fx) / z,
        (-camera.fy * _within(y, camera.height / camera.fy) / z),
    )
    to_pixels = lens @ pose.T
    flat = to_pixels @ covariances @ to_pixels.transpose(0, 2, 1)
    xx, xy, yy = flat[:, 0, 0] + BLUR, flat[:, 0, 1], flat[:, 1, 1] + BLUR
    area = np.maximum(xx * yy - xy**2, 1e-12)
    opacities = gaussians.opacities
    if gaussians.antialiased:
        sharp = (xx - BLUR) * (yy - BLUR) - xy**2
        opacities = opacities * np.sqrt(np.maximum(sharp, 0) / area)
    longest = (xx + yy) / 2 + np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    cutoff = 2 * np.log(np.maximum(opacities / FAINTEST, 1))
    reach = np.sqrt(longest * cutoff)
    extent = float(np.ptp(gaussians.means, axis=0).max())
    left_above, right_below = centres > -reach[:, None], centres < (camera.width, camera.height) + reach[:, None]
    inside = (left_above & right_below).all(axis=1)
    drawn = np.flatnonzero((depth > NEAR * extent) & (reach > 0) & inside)
    conics = np.stack([yy, -xy, xx], axis=1) / area[:, None]
    order = drawn[np.argsort(depth[drawn], kind="stable")]
    return Ellipses(order, *(values.astype(np.float32) for values in (centres, conics, reach, opacities)))


def _within(slope: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Directions far outside the picture are taken for its surroundings, where the ellipse still fits."""
    return np.clip(slope, -0.65 * width, 0.65 * width)


@compiled
def _compose(order, centres, conics, reaches, opacities, light, total):  # pragma: no cover - compiled
    """Add each Gaussian's contribution to `total`, and take from the light what it covers."""
    height, width = light.shape
    for index in order:
        x, y, reach = centres[index, 0], centres[index, 1], reaches[index]
        xx, xy, yy = conics[index]
        sum_ = 0.0
        for row in range(max(0, int(y - reach)), min(height, int(y + reach) + 1)):
            dy = row + 0.5 - y
            for column in range(max(0, int(x - reach)), min(width, int(x + reach) + 1)):
                dx = column + 0.5 - x
                alpha = opacities[index] * np.exp(-0.5 * (xx * dx * dx + 2 * xy * dx * dy + yy * dy * dy))
                if alpha >= FAINTEST:
                    alpha = min(alpha, 0.99)
                    sum_ += alpha * light[row, column]
                    light[row, column] *= 1 - alpha
        total[index] += sum_


def _some(cameras: Sequence[Camera]) -> list[Camera]:
    """Evenly chosen ones of more than enough."""
    if len(cameras) <= MOST_VIEWS:
        return list(cameras)
    return [cameras[int(index)] for index in np.linspace(0, len(cameras) - 1, MOST_VIEWS)]


def _small(camera: Camera) -> Camera:
    return camera.scaled(min(1.0, SIDE / max(camera.width, camera.height)))


def _around(gaussians: Gaussians) -> list[Camera]:
    corners = np.array(list(product(*gaussians.bounds().astype(np.float64).T)))
    return [
        orbit_camera(corners, 360 * index / count, elevation, SIDE)
        for elevation, count in AROUND
        for index in range(count)
    ]
