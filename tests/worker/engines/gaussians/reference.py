"""What the rasterisers are held to: Gaussian splatting and its loss written out in plain torch, in double precision,
every Gaussian for every pixel; slopes by automatic differentiation."""

from __future__ import annotations

import torch
from torch import Tensor

from reconstruction_worker.engines.gaussians.parameters import (
    HARMONICS,
    MEANS,
    OPACITIES,
    ROTATIONS,
    SCALES,
    Parameters,
)
from reconstruction_worker.engines.gaussians.shot import Shot

BLUR, LEAST_ALPHA, MOST_ALPHA, SSIM_SHARE = 0.3, 1 / 255, 0.999, 0.2


def drawn(gaussians: Parameters, shot: Shot, degree: int, *, antialiased: bool) -> tuple[Tensor, Tensor]:
    """Premultiplied colours [H, W, 3] and what passes all Gaussians [H, W]."""
    to_camera, shift, eye, lens = (
        torch.from_numpy(part).double() for part in (shot.to_camera, shot.shift, shot.eye, shot.lens)
    )
    fx, fy, cx, cy = lens[:4]
    points = gaussians[MEANS] @ to_camera.T + shift
    x, y, z = points.unbind(1)
    u, v = (x / z).clamp(lens[7], lens[8]), (y / z).clamp(lens[9], lens[10])
    zero = torch.zeros_like(z)
    perspective = torch.stack([fx / z, zero, -fx * u / z, zero, fy / z, -fy * v / z], -1).view(-1, 2, 3)
    spread = (
        perspective @ to_camera @ rotation_matrices(gaussians[ROTATIONS]) @ torch.diag_embed(gaussians[SCALES].exp())
    )
    sharp = spread @ spread.transpose(1, 2)
    blurred = sharp + BLUR * torch.eye(2, dtype=torch.float64)
    opacities = gaussians[OPACITIES][:, 0].sigmoid()
    if antialiased:
        opacities = opacities * (torch.linalg.det(sharp) / torch.linalg.det(blurred)).clamp_min(0).sqrt()
    colours = (
        harmonics(gaussians[MEANS].detach() - eye, degree)[..., None] * gaussians[HARMONICS][:, : (degree + 1) ** 2]
    ).sum(1)
    colours = (colours + 0.5).clamp_min(0)

    rows, columns = torch.meshgrid(torch.arange(shot.height) + 0.5, torch.arange(shot.width) + 0.5, indexing="ij")
    centres = torch.stack([fx * x / z + cx, fy * y / z + cy], -1)
    offsets = torch.stack([columns, rows], -1).reshape(-1, 1, 2).double() - centres  # [P, N, 2]
    powers = (offsets[..., None, :] @ torch.linalg.inv(blurred) @ offsets[..., None])[..., 0, 0]
    alphas = (opacities * torch.exp(-0.5 * powers)).clamp_max(MOST_ALPHA)
    alphas = torch.where((alphas >= LEAST_ALPHA) & (z >= lens[6]), alphas, 0)[:, z.argsort()]
    rests = torch.cumprod(1 - alphas, 1)
    before = torch.cat([torch.ones_like(rests[:, :1]), rests[:, :-1]], 1)
    picture = (alphas * before) @ colours[z.argsort()]
    return picture.view(shot.height, shot.width, 3), rests[:, -1].view(shot.height, shot.width)


def loss(picture: Tensor, rest: Tensor, photo: Tensor, alpha: Tensor, background: Tensor, gains: Tensor) -> Tensor:
    """`photo` [H, W, 3] is premultiplied with `alpha` [H, W]."""
    ours = picture * gains + rest[..., None] * background
    theirs = photo + (1 - alpha[..., None]) * background
    return (1 - SSIM_SHARE) * (ours - theirs).abs().mean() + SSIM_SHARE * (1 - similarity(ours, theirs))


def similarity(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean SSIM with a Gaussian window of 11 pixels; outside of the pictures is black."""
    offsets = torch.arange(11, dtype=torch.float64) - 5
    window = torch.exp(-(offsets**2) / (2 * 1.5**2))
    kernel = torch.outer(window, window) / window.sum() ** 2

    def mean(picture: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(picture.permute(2, 0, 1)[:, None], kernel[None, None], padding=5)[:, 0]

    x, y = mean(ours), mean(theirs)
    variance_x, variance_y, covariance = mean(ours**2) - x**2, mean(theirs**2) - y**2, mean(ours * theirs) - x * y
    likeness = (2 * x * y + 0.01**2) * (2 * covariance + 0.03**2)
    return (likeness / ((x**2 + y**2 + 0.01**2) * (variance_x + variance_y + 0.03**2))).mean()


def rotation_matrices(quaternions: Tensor) -> Tensor:
    """[N, 3, 3]"""
    w, x, y, z = torch.nn.functional.normalize(quaternions, dim=-1).unbind(-1)
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack(rows, -1).view(-1, 3, 3)


def harmonics(directions: Tensor, degree: int) -> Tensor:
    """Real spherical harmonics [N, K], as gsplat has them."""
    from gsplat.cuda._torch_impl import _eval_sh_bases_fast

    return _eval_sh_bases_fast((degree + 1) ** 2, torch.nn.functional.normalize(directions, dim=-1))
