"""Multiresolution hash encoding on the CPU, compiled with numba: a drop-in for nerfstudio's torch implementation.

The encoding is that of Müller et al. 2022, "Instant Neural Graphics Primitives" (section 3): a point's two features at
a level are the trilinear mix of the features of its cell's eight corners, and corner (i, j, k) finds its features in a
table of T rows at `(i ^ j * 2654435761 ^ k * 805459861) mod T`. Table layout and results equal
`nerfstudio.field_components.encodings.HashEncoding.pytorch_fwd`; that one builds some forty temporary tensors a call
and takes about ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .compiled import compiled

if TYPE_CHECKING:
    from nerfstudio.field_components.encodings import HashEncoding
    from torch import nn

FEATURES = 2
"""Features a level (F); the kernels are written out for this number, the one that the paper recommends."""

CHUNK = 512
"""Points that a thread encodes level by level, so that the level's table stays in its cache."""


class Kernels(NamedTuple):
    """Compiled functions on contiguous float32 arrays: `points` [N, 3] in [0, 1], `table` [L * T, 2], `scales` [L]
    (cells a side), `features` [N, L * 2]."""

    encode: Callable[..., None]
    """encode(points, table, scales, features) fills `features`."""
    scatter: Callable[..., None]
    """scatter(points, scales, d_features, d_table) adds the gradient of `features` into that of `table`."""


@cache
def kernels() -> Kernels:
    """Made on first use: to import numba takes a second."""
    import numba

    @numba.njit(fastmath=True)
    def corners(x, y, z, scale, mask):  # pragma: no cover - compiled
        """Table rows and trilinear weights of the corners of the cell that holds a point."""
        x, y, z = x * scale, y * scale, z * scale
        x_low, y_low, z_low = np.floor(x), np.floor(y), np.floor(z)
        one, unit = np.float32(1), np.uint32(1)
        x1, y1, z1 = x - x_low, y - y_low, z - z_low
        x0, y0, z0 = one - x1, one - y1, one - z1
        i0 = np.uint32(np.int32(x_low))
        j = np.uint32(np.int32(y_low))
        k = np.uint32(np.int32(z_low))
        i1 = i0 + unit
        j0, j1 = j * np.uint32(2654435761), (j + unit) * np.uint32(2654435761)
        k0, k1 = k * np.uint32(805459861), (k + unit) * np.uint32(805459861)
        jk = (j0 ^ k0, j1 ^ k0, j0 ^ k1, j1 ^ k1)
        yz = (y0 * z0, y1 * z0, y0 * z1, y1 * z1)
        rows = (
            np.int64((i0 ^ jk[0]) & mask), np.int64((i1 ^ jk[0]) & mask),
            np.int64((i0 ^ jk[1]) & mask), np.int64((i1 ^ jk[1]) & mask),
            np.int64((i0 ^ jk[2]) & mask), np.int64((i1 ^ jk[2]) & mask),
            np.int64((i0 ^ jk[3]) & mask), np.int64((i1 ^ jk[3]) & mask),
        )  # fmt: skip
        weights = (x0 * yz[0], x1 * yz[0], x0 * yz[1], x1 * yz[1], x0 * yz[2], x1 * yz[2], x0 * yz[3], x1 * yz[3])
        return rows, weights

    def encode(points, table, scales, features):  # pragma: no cover - compiled
        count, levels = points.shape[0], scales.shape[0]
        size = table.shape[0] // levels
        mask = np.uint32(size - 1)
        for chunk in numba.prange((count + CHUNK - 1) // CHUNK):
            for level in range(levels):
                level_table = table[level * size : (level + 1) * size]
                for n in range(chunk * CHUNK, min(count, (chunk + 1) * CHUNK)):
                    rows, weights = corners(points[n, 0], points[n, 1], points[n, 2], scales[level], mask)
                    first, second = np.float32(0), np.float32(0)
                    for c in range(8):
                        first += weights[c] * level_table[rows[c], 0]
                        second += weights[c] * level_table[rows[c], 1]
                    features[n, 2 * level] = first
                    features[n, 2 * level + 1] = second

    def scatter(points, scales, d_features, d_table):  # pragma: no cover - compiled
        count, levels = points.shape[0], scales.shape[0]
        size = d_table.shape[0] // levels
        mask = np.uint32(size - 1)
        # One thread a level: no two threads add to the same row, and sums are always taken in the same order.
        for level in numba.prange(levels):
            level_table = d_table[level * size : (level + 1) * size]
            for n in range(count):
                first, second = d_features[n, 2 * level], d_features[n, 2 * level + 1]
                if first == 0 and second == 0:
                    continue
                rows, weights = corners(points[n, 0], points[n, 1], points[n, 2], scales[level], mask)
                for c in range(8):
                    level_table[rows[c], 0] += weights[c] * first
                    level_table[rows[c], 1] += weights[c] * second

    return Kernels(compiled(encode), compiled(scatter))


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, table: Tensor, scales: Tensor, gradient: Tensor) -> Tensor:
        points = points.detach().contiguous()
        features = torch.empty(points.shape[0], scales.shape[0] * FEATURES)
        kernels().encode(points.numpy(), table.detach().numpy(), scales.numpy(), features.numpy())
        ctx.save_for_backward(points, scales)
        ctx.table, ctx.gradient = table, gradient
        return features

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None, None]:
        points, scales = ctx.saved_tensors
        if ctx.table.grad is None:
            ctx.table.grad = ctx.gradient.zero_()
        kernels().scatter(points.numpy(), scales.numpy(), gradients[0].contiguous().numpy(), ctx.table.grad.numpy())
        return None, None, None, None


def hash_encode(points: Tensor, table: Tensor, scales: Tensor, gradient: Tensor) -> Tensor:
    """Features [N, L * 2] of points [N, 3] in [0, 1]; `table` [L * T, 2] with T a power of two, `scales` [L] cells a
    side; all float32 on the CPU.

    The gradient of the leaf `table` is added to `table.grad` in place, and `gradient`, of the table's shape, is the
    memory that becomes `table.grad` where that is None: to allocate so much anew for each step costs more than to
    compute it. There is no gradient by position.
    """
    return _Encode.apply(points, table, scales, gradient)  # type: ignore[no-any-return]


class _Accelerated:
    """Forward pass of one encoding, with the memory of its gradient."""

    def __init__(self, encoding: HashEncoding):
        self.encoding = encoding
        self.scales = encoding.scalings.float()
        self.gradient = torch.empty(0)

    def __call__(self, in_tensor: Tensor) -> Tensor:
        table = self.encoding.hash_table
        if self.gradient.shape != table.shape and torch.is_grad_enabled():
            self.gradient = torch.empty_like(table, requires_grad=False)
        features = hash_encode(in_tensor.reshape(-1, 3).float(), table, self.scales, self.gradient)
        return features.view(*in_tensor.shape[:-1], -1)


def accelerate(model: nn.Module) -> int:
    """Let the torch hash encodings inside `model` use the compiled one; returns how many do.

    The model must stay on the CPU. Parameters, checkpoints and results stay the same.
    """
    from nerfstudio.field_components.encodings import HashEncoding

    encodings = [
        module
        for module in model.modules()
        if isinstance(module, HashEncoding) and module.tcnn_encoding is None and module.features_per_level == FEATURES
    ]
    for encoding in encodings:
        encoding.pytorch_fwd = _Accelerated(encoding)  # type: ignore[method-assign]
    return len(encodings)


def hash_tables(model: nn.Module) -> list[Tensor]:
    """The tables of the encodings inside `model` that use the compiled implementation."""
    from nerfstudio.field_components.encodings import HashEncoding

    modules = (module for module in model.modules() if isinstance(module, HashEncoding))
    return [module.hash_table for module in modules if isinstance(module.pytorch_fwd, _Accelerated)]
