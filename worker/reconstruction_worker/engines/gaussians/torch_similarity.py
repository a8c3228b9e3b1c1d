"""SSIM in torch, for the GPU; `picture_kernels` has the same for the CPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .picture_kernels import C1, C2, WINDOW

DEVIATION = 1.5
"""Of the window, in pixels (Wang et al. 2004)."""


def mean_similarity(ours: Tensor, theirs: Tensor) -> Tensor:
    """Of two pictures [3, H, W]; outside of them is black."""
    window = _window(ours)
    planes = torch.cat([ours, theirs, ours.square(), theirs.square(), ours * theirs])[:, None]  # [15, 1, H, W]
    rows = functional.conv2d(planes, window[None, None, :, None], padding=(WINDOW // 2, 0))
    smooth = functional.conv2d(rows, window[None, None, None], padding=(0, WINDOW // 2))[:, 0]
    mine, other, mine_squared, other_squared, product = smooth.split(len(ours))
    mine_spread, other_spread = mine_squared - mine**2, other_squared - other**2
    common = product - mine * other
    likeness = (2 * mine * other + float(C1)) * (2 * common + float(C2))
    return (likeness / ((mine**2 + other**2 + float(C1)) * (mine_spread + other_spread + float(C2)))).mean()


def _window(like: Tensor) -> Tensor:
    offsets = torch.arange(WINDOW, device=like.device, dtype=like.dtype) - WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * DEVIATION**2))
    return window / window.sum()
