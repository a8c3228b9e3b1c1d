"""The rasteriser for CUDA: gsplat's kernels (Ye et al. 2024), slopes by automatic differentiation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from gsplat import rendering, spherical_harmonics
from torch import Tensor

from ..training.sending import sent
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
        self._views: dict[int, _View] = {}

    @torch.no_grad()
    def show(self, gaussians: Parameters, shot: Shot, degree: int) -> Shown:
        """The depth is the mean, weighted by what is seen: gsplat has no median."""
        view = _View.of(shot, self._device)
        picture, alpha, _ = self._drawn(gaussians, view, _colours(gaussians, view, degree), "RGB+ED")
        picture, alpha = picture.float().cpu().numpy(), alpha.float().cpu().numpy()
        return Shown(picture[..., :3], alpha, picture[..., 3])

    def compare(self, gaussians: Parameters, shot: Shot, target: Target, degree: int, slopes: Slopes) -> Comparison:
        """The processor waits for the device once, when it asks for the numbers."""
        view = self._view(shot)
        learnt = {name: gaussians[name].detach().requires_grad_() for name in NAMES}
        gains, background = sent([target.gains, target.background], self._device)
        gains.requires_grad_()
        picture, alpha, seen = self._drawn(learnt, view, _colours(learnt, view, degree), "RGB")
        alphas = target.alpha.to(self._device, non_blocking=True) / 255
        theirs = target.planes.to(self._device, non_blocking=True) / 255
        theirs = theirs + (1 - alphas) * background[:, None, None]
        ours = (picture * gains + (1 - alpha)[..., None] * background).permute(2, 0, 1)
        difference = ours - theirs
        loss = (1 - SSIM_SHARE) * difference.abs().mean() + SSIM_SHARE * (1 - mean_similarity(ours, theirs))
        loss.backward()
        for name in NAMES:
            slope = learnt[name].grad
            if slope is not None:
                slopes.by[name].copy_(slope)
        difference = difference.detach()
        self._note_shown(gaussians, view, difference.abs().sum(0), seen, slopes.shown)
        by_gains = torch.zeros_like(gains) if gains.grad is None else gains.grad
        numbers = torch.cat([loss.detach()[None], difference.square().mean()[None], by_gains]).cpu().double().numpy()
        return Comparison(float(numbers[0]), float(numbers[1]), seen, numbers[2:])

    def _view(self, shot: Shot) -> _View:
        """Kept: a training has the same shots again and again."""
        known = self._views.get(id(shot))
        if known is None or known.shot is not shot:
            known = self._views[id(shot)] = _View.of(shot, self._device)
        return known

    def _note_shown(self, gaussians: Parameters, view: _View, errors: Tensor, seen: Tensor, shown: Tensor) -> None:
        """How much of the pixels' errors, and of their light, each Gaussian shows: the slopes by a colour of its own
        that is weighted with them."""
        marks = torch.zeros(len(seen), 3, device=self._device, requires_grad=True)
        picture, _, _ = self._drawn(gaussians, view, marks, "RGB")
        ((picture[..., 0] * errors).sum() + picture[..., 1].sum()).backward()
        if marks.grad is not None:
            shown[:, ::2] += marks.grad[:, :2]
        shown[:, 1] += seen

    def _drawn(self, gaussians: Parameters, view: _View, colours: Tensor, mode: Mode) -> tuple[Tensor, Tensor, Tensor]:
        """Picture [H, W, C], premultiplied; alpha [H, W]; which Gaussians are seen [N] (bool)."""
        picture, alpha, info = rendering.rasterization(
            means=gaussians[MEANS],
            quats=gaussians[ROTATIONS],
            scales=gaussians[SCALES].exp(),
            opacities=gaussians[OPACITIES][:, 0].sigmoid(),
            colors=colours,
            viewmats=view.to_camera[None],
            Ks=view.lens[None],
            width=view.shot.width,
            height=view.shot.height,
            near_plane=LEAST_DISTANCE,
            eps2d=float(BLUR),
            packed=False,
            render_mode=mode,
            rasterize_mode="antialiased" if self.antialiased else "classic",
        )
        return picture[0], alpha[0, ..., 0], _seen(info)


@dataclass(frozen=True)
class _View:
    """A shot on the device."""

    shot: Shot
    to_camera: Tensor  # [4, 4]
    lens: Tensor  # [3, 3]
    eye: Tensor  # [3]

    @classmethod
    def of(cls, shot: Shot, device: torch.device) -> _View:
        camera, to_camera = shot.camera, np.eye(4, dtype=np.float32)
        to_camera[:3, :3], to_camera[:3, 3] = shot.to_camera, shot.shift
        lens = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]], np.float32)
        return cls(shot, *sent([to_camera, lens, shot.eye], device))


def _colours(gaussians: Parameters, view: _View, degree: int) -> Tensor:
    """[N, 3]; the direction from which a Gaussian is seen counts as fixed."""
    directions = gaussians[MEANS].detach() - view.eye
    return (spherical_harmonics(degree, directions, gaussians[HARMONICS]) + 0.5).clamp_min(0)


def _seen(info: dict[str, Any]) -> Tensor:
    """[N] (bool). Radii are one number a Gaussian, or two since gsplat 1.5."""
    radii = info["radii"][0]
    return (radii > 0).all(-1) if radii.ndim == 2 else radii > 0
