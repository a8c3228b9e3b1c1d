"""The rasteriser for CUDA: gsplat's kernels (Ye et al. 2024), slopes by automatic differentiation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from gsplat import rendering, spherical_harmonics
from torch import Tensor

from .conventions import BLUR, LEAST_DISTANCE
from .parameters import HARMONICS, MEANS, NAMES, OPACITIES, ROTATIONS, SCALES, Parameters
from .rasteriser import SSIM_SHARE, Comparison, Shown, Slopes, Target
from .shot import Shot
from .torch_similarity import mean_similarity

Mode = Literal["RGB", "RGB+ED"]


class GsplatRasteriser:
    """A `Rasteriser`."""

    def __init__(self, device: torch.device, *, antialiased: bool):
        self.antialiased = antialiased
        self._device = device

    @torch.no_grad()
    def show(self, gaussians: Parameters, shot: Shot, degree: int) -> Shown:
        """The depth is the mean, weighted by what is seen: gsplat has no median."""
        picture, alpha, _ = self._drawn(gaussians, shot, self._colours(gaussians, shot, degree), "RGB+ED")
        picture, alpha = picture.float().cpu().numpy(), alpha.float().cpu().numpy()
        return Shown(picture[..., :3], alpha, picture[..., 3])

    def compare(self, gaussians: Parameters, shot: Shot, target: Target, degree: int, slopes: Slopes) -> Comparison:
        learnt = {name: gaussians[name].detach().requires_grad_() for name in NAMES}
        gains, background = (torch.from_numpy(part).to(self._device) for part in (target.gains, target.background))
        gains.requires_grad_()
        picture, alpha, seen = self._drawn(learnt, shot, self._colours(learnt, shot, degree), "RGB")
        alphas = target.alpha.to(self._device, non_blocking=True).float() / 255
        theirs = target.planes.to(self._device, non_blocking=True).float() / 255
        theirs = theirs + (1 - alphas) * background[:, None, None]
        ours = (picture * gains + (1 - alpha)[..., None] * background).permute(2, 0, 1)
        difference = ours - theirs
        loss = (1 - SSIM_SHARE) * difference.abs().mean() + SSIM_SHARE * (1 - mean_similarity(ours, theirs))
        loss.backward()
        for name in NAMES:
            slope = learnt[name].grad
            if slope is not None:
                slopes.by[name].copy_(slope)
        self._note_shown(gaussians, shot, difference.detach().abs().sum(0), seen, slopes.shown)
        by_gains = np.zeros(3) if gains.grad is None else gains.grad.double().cpu().numpy()
        return Comparison(
            float(loss.detach()), float(difference.detach().square().mean()), seen.nonzero()[:, 0], by_gains
        )

    def _note_shown(self, gaussians: Parameters, shot: Shot, errors: Tensor, seen: Tensor, shown: Tensor) -> None:
        """How much of the pixels' errors, and of their light, each Gaussian shows: the slopes by a colour of its own
        that is weighted with them."""
        marks = torch.zeros(len(seen), 3, device=self._device, requires_grad=True)
        picture, _, _ = self._drawn(gaussians, shot, marks, "RGB")
        ((picture[..., 0] * errors).sum() + picture[..., 1].sum()).backward()
        if marks.grad is not None:
            shown[:, 0] += marks.grad[:, 0]
            shown[:, 2] += marks.grad[:, 1]
        shown[:, 1] += seen

    def _colours(self, gaussians: Parameters, shot: Shot, degree: int) -> Tensor:
        """[N, 3]; the direction from which a Gaussian is seen counts as fixed."""
        directions = gaussians[MEANS].detach() - torch.from_numpy(shot.eye).to(self._device)
        return (spherical_harmonics(degree, directions, gaussians[HARMONICS]) + 0.5).clamp_min(0)

    def _drawn(self, gaussians: Parameters, shot: Shot, colours: Tensor, mode: Mode) -> tuple[Tensor, Tensor, Tensor]:
        """Picture [H, W, C], premultiplied; alpha [H, W]; which Gaussians are seen [N] (bool)."""
        to_camera = torch.eye(4)
        to_camera[:3, :3], to_camera[:3, 3] = torch.from_numpy(shot.to_camera), torch.from_numpy(shot.shift)
        camera = shot.camera
        lens = torch.tensor([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]], dtype=torch.float32)
        picture, alpha, info = rendering.rasterization(
            means=gaussians[MEANS],
            quats=gaussians[ROTATIONS],
            scales=gaussians[SCALES].exp(),
            opacities=gaussians[OPACITIES][:, 0].sigmoid(),
            colors=colours,
            viewmats=to_camera[None].to(self._device),
            Ks=lens[None].to(self._device),
            width=shot.width,
            height=shot.height,
            near_plane=LEAST_DISTANCE,
            eps2d=float(BLUR),
            packed=False,
            render_mode=mode,
            rasterize_mode="antialiased" if self.antialiased else "classic",
        )
        return picture[0], alpha[0, ..., 0], _seen(info)


def _seen(info: dict[str, Any]) -> Tensor:
    """[N] (bool). Radii are one number a Gaussian, or two since gsplat 1.5."""
    radii = info["radii"][0]
    return (radii > 0).all(-1) if radii.ndim == 2 else radii > 0
