"""gsplat's rasteriser on a fake device: results of the right shapes, memory of about the right size, one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        count, device = len(means), means.device
        channels = 4 if render_mode == "RGB+ED" else 3
        learnt = [means, colors, *(others[name] for name in ("quats", "scales", "opacities"))]
        sizes = ((1, height, width, channels), (1, height, width, 1), (1, count, 2))
        picture, alpha, means2d = _Gsplat.apply(usage, sizes, *learnt)  # type: ignore[misc]
        with usage.uncounted():
            setattr(means2d, "absgrad", torch.zeros(1, count, 2, device=device))  # noqa: B010 - gsplat's own attribute
            projected = torch.zeros(count, 10, device=device)  # depths, conics, opacities, colours
            tiles = torch.zeros(TILES_PER_GAUSSIAN * count, 3, dtype=torch.int64, device=device)
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
        return _Gsplat.apply(usage, (directions.shape,), directions, coefficients)[0]  # type: ignore[index]

    return spherical_harmonics


class _Gsplat(torch.autograd.Function):
    """One call, and one more for the gradients by all that was given."""

    @staticmethod
    def forward(ctx: Any, usage: Usage, sizes: Sequence[tuple[int, ...]], *given: Tensor) -> tuple[Tensor, ...]:
        ctx.usage = usage
        ctx.save_for_backward(*given)
        with usage.uncounted("gsplat"):
            return tuple(torch.zeros(size, device=given[0].device) for size in sizes)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        with ctx.usage.uncounted("gsplat"):
            return None, None, *(torch.zeros_like(each) for each in ctx.saved_tensors)
