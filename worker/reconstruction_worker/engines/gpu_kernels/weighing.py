"""How much each sample of a ray shows, on a GPU: an operator of torch and its gradient, one kernel each. They work on
the CPU too, for tests."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .launching import launch
from .sampling import MODULE


@torch.library.custom_op("reconstruction::weigh", mutates_args=())
def weigh(densities: Tensor, lengths: Tensor) -> Tensor:
    """Weights [N, S] of intervals along rays from their densities and lengths; all contiguous float32. There is no
    gradient by lengths."""
    weights = torch.empty_like(densities)
    launch(MODULE, "weigh", (len(densities),), densities, lengths, weights)
    return weights


@torch.library.custom_op("reconstruction::weigh_backward", mutates_args=())
def weigh_backward(densities: Tensor, lengths: Tensor, weights: Tensor, d_weights: Tensor) -> Tensor:
    """The gradient by the densities."""
    d_densities = torch.empty_like(densities)
    launch(MODULE, "weigh_backward", (len(densities),), densities, lengths, weights, d_weights, d_densities)
    return d_densities


@weigh.register_fake
def _(densities: Tensor, lengths: Tensor) -> Tensor:
    return torch.empty_like(densities)


@weigh_backward.register_fake
def _(densities: Tensor, lengths: Tensor, weights: Tensor, d_weights: Tensor) -> Tensor:
    return torch.empty_like(densities)


def _remember(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)


def _backward(ctx: Any, d_weights: Tensor) -> tuple[Tensor, None]:
    return weigh_backward(*ctx.saved_tensors, d_weights.contiguous()), None


weigh.register_autograd(_backward, setup_context=_remember)
