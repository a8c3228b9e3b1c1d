"""gsplat's rasteriser in plain torch, for the CPU and for tiny pictures: every Gaussian is looked at for every pixel.

What gsplat has in torch is used as it is; only the compositing, which it has for CUDA alone, is written out (Kerbl et
al. 2023, section 4).
"""

from __future__ import annotations

from typing import Any

import torch
from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci, _spherical_harmonics
from torch import Tensor

LEAST_ALPHA = 1 / 255


def rasterization(
    *,
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,  # noqa: N803
    width: int,
    height: int,
    render_mode: str,
    sh_degree: int | None = None,
    rasterize_mode: str = "classic",
    **_options: Any,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """As `gsplat.rendering.rasterization` for one camera; `colors` are [N, D], or with a degree the coefficients of
    spherical harmonics. Returns colours (and mean depth) [1, H, W, D], opacity [1, H, W, 1], and what
    refinement needs to know."""
    covariances, _ = _quat_scale_to_covar_preci(quats, scales, True, False)
    assert covariances is not None
    antialiased = rasterize_mode == "antialiased"
    radii, means2d, depths, conics, fading = _fully_fused_projection(
        means, covariances, viewmats, Ks, width, height, calc_compensations=antialiased
    )
    if means2d.requires_grad:
        means2d.register_hook(lambda gradient: setattr(means2d, "absgrad", gradient.abs()))
    seen = colors
    if sh_degree is not None:
        camera = torch.linalg.inv(viewmats[0])[:3, 3]
        seen = (_spherical_harmonics(sh_degree, means - camera, colors) + 0.5).clamp_min(0)
    if fading is not None:
        opacities = opacities * fading[0]

    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    offset = torch.stack([x, y], -1).reshape(-1, 1, 2) - means2d  # [P, N, 2]
    a, b, c = conics[0].unbind(-1)
    power = 0.5 * (a * offset[..., 0] ** 2 + c * offset[..., 1] ** 2) + b * offset[..., 0] * offset[..., 1]
    shown = (radii[0] > 0).reshape(len(means), -1).all(-1)
    alphas = (opacities * torch.exp(-power.clamp_min(0))).clamp_max(0.999) * shown
    alphas = torch.where(alphas >= LEAST_ALPHA, alphas, 0)
    order = depths[0].argsort()
    alphas = alphas[:, order]
    left = torch.cumprod(1 - alphas, 1)
    weights = alphas * torch.cat([torch.ones_like(left[:, :1]), left[:, :-1]], 1)  # [P, N]
    alpha = weights.sum(1, keepdim=True)
    picture = weights @ seen[order]
    if render_mode == "RGB+ED":
        picture = torch.cat([picture, weights @ depths[0, order, None] / alpha.clamp_min(1e-10)], 1)
    info = {"means2d": means2d, "radii": radii, "width": width, "height": height, "n_cameras": 1, "gaussian_ids": None}
    return picture.view(1, height, width, -1), alpha.view(1, height, width, 1), info
