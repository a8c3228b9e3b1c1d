"""Gaussians as a camera sees them: flat ones in the picture (EWA splatting, Zwicker et al. 2001).

The kernels' arrays: `means` [N, 3], `scales` [N, 3] (logarithms), `rotations` [N, 4], `opacities` [N, 1] (logits) and
`harmonics` [N, K, 3] are the Gaussians'. Of the camera, `to_camera` [3, 3] and `shift` [3] take the world to its axes,
`eye` [3] is its place, and `lens` [11] is fx, fy, cx, cy, width, height, the nearest distance that is drawn, and the
range of x/z and of y/z in which shapes are taken at their own place (`FIELD_MARGIN`).
"""

import math

import numpy as np

from ...compiled import threaded
from .conventions import BLUR, LEAST_ALPHA, TILE
from .kernel_math import F, direction, in_camera, own_axes, spread_in_camera

X, Y, CONIC_A, CONIC_B, CONIC_C, OPACITY, RED, GREEN, BLUE, HALF_WIDTH, HALF_HEIGHT, DEPTH, DEPTH_X, DEPTH_Y = range(14)
"""Columns of a flat Gaussian: its centre in pixels; the inverse covariance (a, b; b, c); opacity and colour; how far it
reaches to the side and up until its alpha is too little to be drawn; the z-depth of its centre, and by how much that of
its plane of largest density changes from pixel to pixel."""
COLUMNS = 14


@threaded(vectorised=True)
def project(
    begin, end, means, scales, rotations, opacities, harmonics, degree, antialiased,
    to_camera, shift, eye, lens, flat, tiles,
):  # fmt: skip # pragma: no cover - compiled
    """Fill `flat` [N, COLUMNS], and `tiles` [N, 4] (int32): first and last + 1 column and row of tiles that a Gaussian
    may touch, all zero for one that is not seen. `antialiased`: a Gaussian that is smaller than the blur keeps its
    weight in the picture and becomes fainter (Yu et al. 2024, equation 12)."""
    axes = np.empty((3, 3), np.float32)
    spread = np.empty((3, 3), np.float32)
    basis = np.empty(16, np.float32)
    fx, fy, cx, cy, width, height, nearest = lens[0], lens[1], lens[2], lens[3], lens[4], lens[5], lens[6]
    across = math.ceil(width / TILE)
    down = math.ceil(height / TILE)
    for i in range(begin, end):
        tiles[i] = 0
        opacity = F(1) / (F(1) + np.exp(-opacities[i, 0]))
        if opacity <= LEAST_ALPHA:
            continue
        x, y, z = in_camera(means[i], to_camera, shift)
        if z < nearest:
            continue
        own_axes(rotations[i], axes)
        spread_in_camera(scales[i], axes, to_camera, spread)
        u = min(max(x / z, lens[7]), lens[8])
        v = min(max(y / z, lens[9]), lens[10])
        px = fx * x / z + cx
        py = fy * y / z + cy
        a = F(0)
        b = F(0)
        c = F(0)
        zx = F(0)
        zy = F(0)
        for axis in range(3):
            right = fx / z * (spread[0, axis] - u * spread[2, axis])
            below = fy / z * (spread[1, axis] - v * spread[2, axis])
            a += right * right
            b += right * below
            c += below * below
            zx += right * spread[2, axis]
            zy += below * spread[2, axis]
        sharp = max(a * c - b * b, F(0))
        a += BLUR
        c += BLUR
        area = a * c - b * b
        if antialiased:
            opacity *= np.sqrt(sharp / area)
            if opacity <= LEAST_ALPHA:
                continue
        reach = F(2) * np.log(opacity / LEAST_ALPHA)
        half_width = np.sqrt(reach * a)
        half_height = np.sqrt(reach * c)
        if px + half_width < 0 or py + half_height < 0 or px - half_width > width or py - half_height > height:
            continue
        tiles[i, 0] = max(math.floor((px - half_width) / TILE), 0)
        tiles[i, 1] = min(math.floor((px + half_width) / TILE) + 1, across)
        tiles[i, 2] = max(math.floor((py - half_height) / TILE), 0)
        tiles[i, 3] = min(math.floor((py + half_height) / TILE) + 1, down)
        direction(means[i], eye, degree, basis)
        for channel in range(3):
            value = F(0.5)
            for k in range((degree + 1) * (degree + 1)):
                value += basis[k] * harmonics[i, k, channel]
            flat[i, RED + channel] = max(value, F(0))
        flat[i, X] = px
        flat[i, Y] = py
        flat[i, CONIC_A] = c / area
        flat[i, CONIC_B] = -b / area
        flat[i, CONIC_C] = a / area
        flat[i, OPACITY] = opacity
        flat[i, HALF_WIDTH] = half_width
        flat[i, HALF_HEIGHT] = half_height
        flat[i, DEPTH] = z
        flat[i, DEPTH_X] = (c * zx - b * zy) / area
        flat[i, DEPTH_Y] = (a * zy - b * zx) / area
