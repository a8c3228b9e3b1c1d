"""The hash encoding (see `hash_encoding`) on a GPU: two operators of torch, `reconstruction::hash_encode` and its
gradient `reconstruction::hash_scatter`, one kernel each. They work on the CPU too, for tests.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from ..gpu_kernels.launching import launch
from .hash_encoding import FEATURES

MODULE: Final = "hash_kernels"


@torch.library.custom_op("reconstruction::hash_encode", mutates_args=())
def hash_encode(points: Tensor, table: Tensor, scales: Tensor) -> Tensor:
    """Features [N, L * 2] of points [N, 3] in [0, 1]; `table` [L * T, 2] with T a power of two, `scales` [L] cells a
    side; all contiguous float32 on one device. There is no gradient by position or scale."""
    count, levels = len(points), len(scales)
    features = points.new_empty(count, levels, FEATURES)
    launch(MODULE, "encode", (levels, count), points, table, scales, len(table) // levels, features)
    return features.view(count, levels * FEATURES)


@torch.library.custom_op("reconstruction::hash_scatter", mutates_args=())
def hash_scatter(points: Tensor, d_features: Tensor, scales: Tensor, table_rows: int) -> Tensor:
    """The gradient [`table_rows`, 2] by the table from that by the features [N, L * 2]."""
    levels = len(scales)
    d_table = points.new_zeros(table_rows, FEATURES)
    slopes = d_features.view(-1, levels, FEATURES)
    launch(MODULE, "scatter", (levels, len(points)), points, slopes, scales, table_rows // levels, d_table)
    return d_table


@hash_encode.register_fake
def _(points: Tensor, table: Tensor, scales: Tensor) -> Tensor:
    return points.new_empty(points.shape[0], scales.shape[0] * FEATURES)


@hash_scatter.register_fake
def _(points: Tensor, d_features: Tensor, scales: Tensor, table_rows: int) -> Tensor:
    return points.new_empty(table_rows, FEATURES)


def _remember(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    points, table, scales = inputs
    ctx.save_for_backward(points, scales)
    ctx.table_rows = table.shape[0]


def _backward(ctx: Any, d_features: Tensor) -> tuple[None, Tensor, None]:
    points, scales = ctx.saved_tensors
    return None, hash_scatter(points, d_features.contiguous(), scales, ctx.table_rows), None


hash_encode.register_autograd(_backward, setup_context=_remember)
