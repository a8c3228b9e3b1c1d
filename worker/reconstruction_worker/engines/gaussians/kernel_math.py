"""Pieces of the rasteriser's kernels: they are copied into the loops that use them."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...compiled import inlined

F = np.float32


@intrinsic
def _power_of_two(context: Any, x: Any) -> Any:
    """2**x for a whole number x: its bits are the exponent of a float."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(32)
        exponent = builder.add(builder.fptosi(arguments[0], word), ir.Constant(word, 127))
        return builder.bitcast(builder.shl(exponent, ir.Constant(word, 23)), ir.FloatType())

    return types.float32(types.float32), generate


@inlined
def exp(x):  # pragma: no cover - compiled
    """e**x for -87 < x <= 0 with a relative error of 2e-6: a polynomial between the powers of two. The C library's
    function would be called for one number at a time."""
    t = x * F(1.4426950408889634)
    whole = np.floor(t)
    f = t - whole
    polynomial = ((F(1.8775767e-3) * f + F(8.9893397e-3)) * f + F(5.5826318e-2)) * f + F(2.4015361e-1)
    polynomial = (polynomial * f + F(6.9315308e-1)) * f + F(9.9999994e-1)
    return polynomial * _power_of_two(whole)  # pyright: ignore[reportCallIssue] - numba gives the context


@inlined
def harmonics(degree, x, y, z, basis):  # pragma: no cover - compiled
    """Fill `basis` [16] with the real spherical harmonics up to a degree (0..3) in the unit direction x, y, z; order
    and signs are those of the field's PLY files."""
    basis[0] = F(0.28209479)
    if degree > 0:
        basis[1] = F(-0.48860251) * y
        basis[2] = F(0.48860251) * z
        basis[3] = F(-0.48860251) * x
    if degree > 1:
        xx = x * x
        yy = y * y
        zz = z * z
        basis[4] = F(1.0925484) * x * y
        basis[5] = F(-1.0925484) * y * z
        basis[6] = F(0.31539157) * (F(2) * zz - xx - yy)
        basis[7] = F(-1.0925484) * x * z
        basis[8] = F(0.54627422) * (xx - yy)
        if degree > 2:
            basis[9] = F(-0.59004359) * y * (F(3) * xx - yy)
            basis[10] = F(2.8906114) * x * y * z
            basis[11] = F(-0.45704580) * y * (F(4) * zz - xx - yy)
            basis[12] = F(0.37317633) * z * (F(2) * zz - F(3) * (xx + yy))
            basis[13] = F(-0.45704580) * x * (F(4) * zz - xx - yy)
            basis[14] = F(1.4453057) * z * (xx - yy)
            basis[15] = F(-0.59004359) * x * (xx - F(3) * yy)


@inlined
def own_axes(quaternion, axes):  # pragma: no cover - compiled
    """Fill `axes` [3, 3] with the rotation of a quaternion [4] of any length; returns its unit quaternion and one over
    its length."""
    w, x, y, z = quaternion[0], quaternion[1], quaternion[2], quaternion[3]
    shrink = F(1) / np.sqrt(w * w + x * x + y * y + z * z)
    w *= shrink
    x *= shrink
    y *= shrink
    z *= shrink
    axes[0, 0] = F(1) - F(2) * (y * y + z * z)
    axes[0, 1] = F(2) * (x * y - w * z)
    axes[0, 2] = F(2) * (x * z + w * y)
    axes[1, 0] = F(2) * (x * y + w * z)
    axes[1, 1] = F(1) - F(2) * (x * x + z * z)
    axes[1, 2] = F(2) * (y * z - w * x)
    axes[2, 0] = F(2) * (x * z - w * y)
    axes[2, 1] = F(2) * (y * z + w * x)
    axes[2, 2] = F(1) - F(2) * (x * x + y * y)
    return w, x, y, z, shrink


@inlined
def spread_in_camera(scale, axes, to_camera, spread):  # pragma: no cover - compiled
    """Fill `spread` [3, 3] with M, whose M M^T is a Gaussian's covariance in the camera's axes: its own `axes` as the
    camera sees them, each as long as a standard deviation. `scale` [3] holds logarithms."""
    for axis in range(3):
        length = np.exp(scale[axis])
        for row in range(3):
            spread[row, axis] = (
                to_camera[row, 0] * axes[0, axis]
                + to_camera[row, 1] * axes[1, axis]
                + to_camera[row, 2] * axes[2, axis]
            ) * length


@inlined
def in_camera(mean, to_camera, shift):  # pragma: no cover - compiled
    """A point [3] of the world in the camera's axes."""
    a, b, c = mean[0], mean[1], mean[2]
    return (
        to_camera[0, 0] * a + to_camera[0, 1] * b + to_camera[0, 2] * c + shift[0],
        to_camera[1, 0] * a + to_camera[1, 1] * b + to_camera[1, 2] * c + shift[1],
        to_camera[2, 0] * a + to_camera[2, 1] * b + to_camera[2, 2] * c + shift[2],
    )


@inlined
def direction(mean, eye, degree, basis):  # pragma: no cover - compiled
    """Fill `basis` with the harmonics in the direction from the camera to a Gaussian."""
    x = mean[0] - eye[0]
    y = mean[1] - eye[1]
    z = mean[2] - eye[2]
    shrink = F(1) / np.sqrt(x * x + y * y + z * z)
    harmonics(degree, x * shrink, y * shrink, z * shrink, basis)
