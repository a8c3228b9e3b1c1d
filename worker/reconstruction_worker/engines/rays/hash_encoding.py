"""Multiresolution hash encoding in compiled kernels, with numba on the CPU and with Warp on a GPU: a drop-in for
nerfstudio's torch implementation.

The encoding is that of Müller et al. 2022, "Instant Neural Graphics Primitives" (section 3): a point's two features at
a level are the trilinear mix of the features of its cell's eight corners, and corner (i, j, k) finds its features in a
table of T rows at `(i ^ j * 2654435761 ^ k * 805459861) mod T`. Table layout and results equal
`nerfstudio.field_components.encodings.HashEncoding.pytorch_fwd`; that one builds some forty temporary tensors a call,
takes about ten times as long on the CPU, and starts 155 kernels on a GPU.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..gpu_kernels import gpu_kernels_are_available

if TYPE_CHECKING:
    from nerfstudio.field_components.encodings import HashEncoding
    from torch import nn

FEATURES = 2
"""Features a level (F); the kernels are written out for this number, the one that the paper recommends."""


def kernels() -> ModuleType:
    """`hash_kernels`, imported on first use."""
    from . import hash_kernels

    return hash_kernels


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, table: Tensor, scales: Tensor, gradient: Tensor) -> Tensor:
        points = points.detach().contiguous()
        features = torch.empty(points.shape[0], scales.shape[0] * FEATURES)
        kernels().encode(len(points), points.numpy(), table.detach().numpy(), scales.numpy(), features.numpy())
        ctx.save_for_backward(points, scales)
        ctx.table, ctx.gradient = table, gradient
        return features

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None, None]:
        points, scales = ctx.saved_tensors
        if ctx.table.grad is None:
            ctx.table.grad = ctx.gradient.zero_()
        kernels().scatter(
            len(scales), points.numpy(), scales.numpy(), gradients[0].contiguous().numpy(), ctx.table.grad.numpy()
        )
        return None, None, None, None


def hash_encode(points: Tensor, table: Tensor, scales: Tensor, gradient: Tensor) -> Tensor:
    """Features [N, L * 2] of points [N, 3] in [0, 1]; `table` [L * T, 2] with T a power of two, `scales` [L] cells a
    side; all float32 on the CPU.

    The gradient of the leaf `table` is added to `table.grad` in place, and `gradient`, of the table's shape, is the
    memory that becomes `table.grad` where that is None: to allocate so much again for each step costs more than to
    compute it. There is no gradient by position.
    """
    return _Encode.apply(points, table, scales, gradient)  # type: ignore[no-any-return]


class _Accelerated:
    """Forward pass of one encoding on the CPU, with the memory of its gradient."""

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


class _AcceleratedOnGpu:
    """Forward pass of one encoding on a GPU."""

    def __init__(self, encoding: HashEncoding, device: torch.device):
        self.encoding = encoding
        self.scales = encoding.scalings.float().to(device)

    def __call__(self, in_tensor: Tensor) -> Tensor:
        from .hash_on_gpu import hash_encode

        points = in_tensor.detach().reshape(-1, 3).float().contiguous()
        return hash_encode(points, self.encoding.hash_table, self.scales).view(*in_tensor.shape[:-1], -1)


def accelerate(model: nn.Module, device: torch.device) -> int:
    """Let the torch hash encodings inside `model` use compiled ones; returns how many do: none on a GPU where Warp is
    not installed.

    The model must stay on `device`. Parameters, checkpoints and results stay the same.
    """
    from nerfstudio.field_components.encodings import HashEncoding

    if device.type == "cuda" and not gpu_kernels_are_available():
        return 0
    encodings = [
        module
        for module in model.modules()
        if isinstance(module, HashEncoding) and module.tcnn_encoding is None and module.features_per_level == FEATURES
    ]
    for encoding in encodings:
        forward = _AcceleratedOnGpu(encoding, device) if device.type == "cuda" else _Accelerated(encoding)
        encoding.pytorch_fwd = forward  # type: ignore[method-assign]
    return len(encodings)


def hash_tables(model: nn.Module) -> list[Tensor]:
    """The tables of the encodings inside `model` that use the compiled implementation for the CPU."""
    from nerfstudio.field_components.encodings import HashEncoding

    modules = (module for module in model.modules() if isinstance(module, HashEncoding))
    return [module.hash_table for module in modules if isinstance(module.pytorch_fwd, _Accelerated)]
