"""From the slopes by flat Gaussians to those by what is learnt of them: the projection's derivatives.

The direction from which a Gaussian is seen counts as fixed: its colour's slope does not move it.
"""

import numpy as np

from ...compiled import threaded
from .backward import SUMS
from .conventions import BLUR
from .kernel_math import F, direction, in_camera, own_axes, spread_in_camera
from .projection import CONIC_A, CONIC_B, CONIC_C, RED


@threaded(vectorised=True)
def slopes_of_gaussians(
    begin, end, ids, firsts, places, sums, flat, means, scales, rotations, opacities, degree, antialiased,
    to_camera, shift, eye, lens, by_means, by_scales, by_rotations, by_opacities, by_harmonics, shown,
):  # fmt: skip # pragma: no cover - compiled
    """Fill the rows `ids` of the slopes `by_...`, and add to those of `shown` [N, 3] the error that a Gaussian shows,
    one for having been seen, and the light that it gave. `flat`, `firsts` and `ids` are in the order of depth."""
    axes = np.empty((3, 3), np.float32)
    spread = np.empty((3, 3), np.float32)
    by_spread = np.empty((3, 3), np.float32)
    by_axes = np.empty((3, 3), np.float32)
    basis = np.empty(16, np.float32)
    total = np.empty(SUMS, np.float32)
    fx, fy = lens[0], lens[1]
    for k in range(begin, end):
        i = ids[k]
        total[:] = F(0)
        for pair in range(firsts[k], firsts[k + 1]):
            for n in range(SUMS):
                total[n] += sums[places[pair], n]
        shown[i, 0] += total[9]
        shown[i, 1] += F(1)
        shown[i, 2] += total[10]
        opacity = F(1) / (F(1) + np.exp(-opacities[i, 0]))
        by_opacities[i, 0] = total[3] * (F(1) - opacity)

        # By the centre, and by the covariance S of the flat Gaussian through its inverse (a, b; b, c).
        a, b, c = flat[k, CONIC_A], flat[k, CONIC_B], flat[k, CONIC_C]
        by_x = a * total[4] + b * total[5]
        by_y = c * total[5] + b * total[4]
        by_a = F(-0.5) * total[6]
        by_b = F(-0.5) * total[7]  # half of it: b stands twice in the matrix
        by_c = F(-0.5) * total[8]
        t0 = a * by_a + b * by_b
        t1 = a * by_b + b * by_c
        t2 = b * by_a + c * by_b
        t3 = b * by_b + c * by_c
        s00 = -(t0 * a + t1 * b)
        s01 = -(t0 * b + t1 * c)
        s11 = -(t2 * b + t3 * c)

        x, y, z = in_camera(means[i], to_camera, shift)
        qw, qx, qy, qz, shrink = own_axes(rotations[i], axes)
        spread_in_camera(scales[i], axes, to_camera, spread)
        u = min(max(x / z, lens[7]), lens[8])
        v = min(max(y / z, lens[9]), lens[10])
        jx = fx / z
        jy = fy / z
        if antialiased:
            # log(opacity) has 1/2 log(det(S - blur) / det(S)) besides; S is recovered from its inverse.
            area = F(1) / (a * c - b * b)
            sharp = max((c * area - BLUR) * (a * area - BLUR) - (b * area) * (b * area), F(1e-6) * area)
            half = F(0.5) * total[3]
            s00 += half * ((a * area - BLUR) / sharp - a)
            s01 += half * (b * area / sharp - b)
            s11 += half * ((c * area - BLUR) / sharp - c)

        # By M, whose M M^T is the covariance in the camera's axes, and by the derivatives of perspective.
        by_j00 = F(0)
        by_j02 = F(0)
        by_j11 = F(0)
        by_j12 = F(0)
        for m in range(3):
            right = jx * (spread[0, m] - u * spread[2, m])
            below = jy * (spread[1, m] - v * spread[2, m])
            by_right = F(2) * (s00 * right + s01 * below)
            by_below = F(2) * (s01 * right + s11 * below)
            by_spread[0, m] = jx * by_right
            by_spread[1, m] = jy * by_below
            by_spread[2, m] = -jx * u * by_right - jy * v * by_below
            by_j00 += by_right * spread[0, m]
            by_j02 += by_right * spread[2, m]
            by_j11 += by_below * spread[1, m]
            by_j12 += by_below * spread[2, m]
        dx = jx * by_x
        dy = jy * by_y
        dz = -(jx * x * by_x + jy * y * by_y) / z - (jx * by_j00 + jy * by_j11) / z
        if x / z == u:
            dx -= jx / z * by_j02
            dz += jx * u / z * by_j02
        if y / z == v:
            dy -= jy / z * by_j12
            dz += jy * v / z * by_j12
        dz += (jx * u * by_j02 + jy * v * by_j12) / z

        for m in range(3):
            by_means[i, m] = to_camera[0, m] * dx + to_camera[1, m] * dy + to_camera[2, m] * dz
            by_scales[i, m] = (
                by_spread[0, m] * spread[0, m] + by_spread[1, m] * spread[1, m] + by_spread[2, m] * spread[2, m]
            )
            length = np.exp(scales[i, m])
            for r in range(3):
                by_axes[r, m] = (
                    to_camera[0, r] * by_spread[0, m]
                    + to_camera[1, r] * by_spread[1, m]
                    + to_camera[2, r] * by_spread[2, m]
                ) * length
        hw = F(2) * (
            qx * (by_axes[2, 1] - by_axes[1, 2])
            + qy * (by_axes[0, 2] - by_axes[2, 0])
            + qz * (by_axes[1, 0] - by_axes[0, 1])
        )
        hx = F(2) * (
            qy * (by_axes[0, 1] + by_axes[1, 0])
            + qz * (by_axes[0, 2] + by_axes[2, 0])
            + qw * (by_axes[2, 1] - by_axes[1, 2])
            - F(2) * qx * (by_axes[1, 1] + by_axes[2, 2])
        )
        hy = F(2) * (
            qx * (by_axes[0, 1] + by_axes[1, 0])
            + qz * (by_axes[1, 2] + by_axes[2, 1])
            + qw * (by_axes[0, 2] - by_axes[2, 0])
            - F(2) * qy * (by_axes[0, 0] + by_axes[2, 2])
        )
        hz = F(2) * (
            qx * (by_axes[0, 2] + by_axes[2, 0])
            + qy * (by_axes[1, 2] + by_axes[2, 1])
            + qw * (by_axes[1, 0] - by_axes[0, 1])
            - F(2) * qz * (by_axes[0, 0] + by_axes[1, 1])
        )
        along = hw * qw + hx * qx + hy * qy + hz * qz  # what would only change the quaternion's length
        by_rotations[i, 0] = (hw - along * qw) * shrink
        by_rotations[i, 1] = (hx - along * qx) * shrink
        by_rotations[i, 2] = (hy - along * qy) * shrink
        by_rotations[i, 3] = (hz - along * qz) * shrink

        direction(means[i], eye, degree, basis)
        for m in range(3):
            value = total[m] if flat[k, RED + m] > F(0) else F(0)
            for n in range((degree + 1) * (degree + 1)):
                by_harmonics[i, n, m] = basis[n] * value
