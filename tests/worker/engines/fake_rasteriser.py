"""gsplat's rasteriser on a fake device: results of the right shapes, memory of about the right size, one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .fake_cuda import Usage

TILES_PER_GAUSSIAN = 6


def fake_rasterization(usage: Usage) -> Callable[..., Any]:
    """In the place of `gsplat.rendering.rasterization`."""

    def rasterization(
        *, means: Tensor, colors: Tensor, width: int, height: int, render_mode: str, **others: Any
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        tensors = [means, colors, *(value for value in others.values() if isinstance(value, Tensor))]
        assert {tensor.device.type for tensor in tensors} == {"cuda"}
        with usage.uncounted("gsplat"):
            count, device = len(means), means.device
            means2d = means[None, :, :2] * 1.0
            setattr(means2d, "absgrad", torch.zeros(1, count, 2, device=device))  # noqa: B010 - gsplat's own attribute
            shown = colors.sum(dim=tuple(range(1, colors.dim()))).sum() * means2d.sum()
            shown = shown + sum(others[name].sum() for name in ("quats", "scales", "opacities"))
            projected = torch.zeros(count, 10, device=device)  # depths, conics, opacities, colours
            tiles = torch.zeros(TILES_PER_GAUSSIAN * count, 3, dtype=torch.int64, device=device)
            channels = 4 if render_mode == "RGB+ED" else 3
            picture = torch.zeros(1, height, width, channels, device=device) + shown
            alpha = torch.zeros(1, height, width, 1, device=device) + shown
            radii = torch.ones(1, count, 2, dtype=torch.int32, device=device)
        info = {
            "means2d": means2d, "radii": radii, "width": width, "height": height, "n_cameras": 1,
            "gaussian_ids": None, "kept": (projected, tiles),
        }  # fmt: skip
        return picture, alpha, info

    return rasterization


def fake_harmonics(usage: Usage) -> Callable[[int, Tensor, Tensor], Tensor]:
    """In the place of `gsplat.spherical_harmonics`."""

    def spherical_harmonics(degree: int, directions: Tensor, coefficients: Tensor) -> Tensor:
        assert {directions.device.type, coefficients.device.type} == {"cuda"}
        with usage.uncounted("gsplat"):
            return directions * coefficients[:, 0] * 1.0

    return spherical_harmonics
