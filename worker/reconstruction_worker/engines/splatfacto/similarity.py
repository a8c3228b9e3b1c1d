"""Structural similarity of two pictures, with gradients and few operations."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

WINDOW, DEVIATION = 11, 1.5
"""Side of the Gaussian window and its standard deviation, in pixels (Wang et al. 2004)."""
C1, C2 = 0.01**2, 0.03**2
"""The constants of the paper for values in 0..1."""


def gaussian_window(device: torch.device) -> Tensor:
    """[WINDOW], its sum one."""
    offsets = torch.arange(WINDOW, dtype=torch.float32) - WINDOW // 2
    weights = torch.exp(-(offsets**2) / (2 * DEVIATION**2))
    return (weights / weights.sum()).to(device)


def ssim(a: Tensor, b: Tensor, window: Tensor) -> Tensor:
    """Mean SSIM (Wang et al. 2004) of two pictures [H, W, 3] in 0..1, where the whole window lies in them. Both sides
    are at least `WINDOW` pixels."""
    a, b = a.permute(2, 0, 1), b.permute(2, 0, 1)
    pair = torch.cat((a, b))
    maps = torch.cat((pair, pair * pair, a * b))[:, None]  # [15, 1, H, W]
    means = functional.conv2d(functional.conv2d(maps, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    means = means.view(5, 3, *means.shape[2:])  # of a, b, a squared, b squared, and their product
    squares, both = (means[:2] * means[:2]).sum(0), means[0] * means[1]
    spread = means[2:4].sum(0) - squares
    # Both factors of the numerator are halved here, which is made good at the end: two operations less.
    likeness = (both + C1 / 2) * (means[4] - both + C2 / 2)
    return 4 * (likeness / ((squares + C1) * (spread + C2))).mean()
