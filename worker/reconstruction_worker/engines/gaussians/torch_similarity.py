"""SSIM in torch, for the GPU; `picture_kernels` has the same for the CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from .picture_kernels import C1, C2, WINDOW

DEVIATION = 1.5
"""Of the window, in pixels (Wang et al. 2004)."""


def mean_similarity(ours: Tensor, theirs: Tensor) -> Tensor:
    """Of two pictures [3, H, W]; outside of them is black."""
    window = _window(ours)

    def smooth(pictures: Tensor) -> Tensor:
        rows = torch.nn.functional.conv2d(pictures[:, None], window[None, None, :, None], padding=(WINDOW // 2, 0))
        return torch.nn.functional.conv2d(rows, window[None, None, None], padding=(0, WINDOW // 2))[:, 0]

    mine, other = smooth(ours), smooth(theirs)
    mine_spread, other_spread = smooth(ours**2) - mine**2, smooth(theirs**2) - other**2
    common = smooth(ours * theirs) - mine * other
    likeness = (2 * mine * other + float(C1)) * (2 * common + float(C2))
    return (likeness / ((mine**2 + other**2 + float(C1)) * (mine_spread + other_spread + float(C2)))).mean()


def _window(like: Tensor) -> Tensor:
    offsets = torch.arange(WINDOW, device=like.device, dtype=like.dtype) - WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * DEVIATION**2))
    return window / window.sum()
