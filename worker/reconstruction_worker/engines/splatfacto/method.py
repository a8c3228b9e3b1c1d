"""The `Method` of splatfacto."""

from __future__ import annotations

from typing import Any

import torch

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import Training

from ...geometry.gaussians import Gaussians
from ...geometry.rendering import Field
from ..training.fit import Settings, Setup
from ..training.out_of_memory import free_bytes
from ..training.posed_photos import Scene
from ..training.scene_bounds import Bounds
from ..training.trainer import Schedule
from .seeds import seed_points
from .settings import LAST_RATE_OF_MEANS, RATES, derive_settings
from .splat_field import SplatField
from .splat_model import build_model
from .splat_trainer import SplatTrainer


class SplatMethod:
    def check(self) -> None:
        """gsplat's kernels are compiled when its wheel is made, or by the CUDA toolkit on first use."""
        from gsplat.cuda import _backend

        if getattr(_backend, "_C", None) is None:
            raise ReconstructionError(
                "EngineUnavailable",
                "spec.engine: splatfacto needs gsplat's CUDA code, which this image has neither compiled nor a CUDA "
                "toolkit to compile it with.",
                suggestion="Ask the platform team for an image with a compiled gsplat, or choose nerfacto.",
                details={"engine": "splatfacto", "missing": "gsplat.csrc"},
            )

    def settings(self, scene: Scene, bounds: Bounds, training: Training, device: torch.device) -> Settings:
        return derive_settings(scene, training, free_bytes(device))

    def trainer(self, setup: Setup) -> SplatTrainer:
        settings = setup.settings
        seeds = seed_points(setup.scene, setup.photos, setup.pictures, setup.bounds, settings["randomPoints"])
        return SplatTrainer(
            build_model(settings, seeds, len(setup.photos), setup.device),
            setup.cameras,
            setup.pictures,
            Schedule(settings["steps"], settings["raysPerStep"], RATES["means"], LAST_RATE_OF_MEANS),
            settings["photosPerStep"],
            setup.training.seed,
        )

    def gaussians(self, checkpoint: dict[str, Any]) -> Gaussians:
        model: dict[str, Any] = checkpoint["model"]
        means, scales, quats, opacities, first, rest = (
            model[f"gauss_params.{name}"].detach().float().cpu()
            for name in ("means", "scales", "quats", "opacities", "features_dc", "features_rest")
        )
        return Gaussians(
            means=means.numpy(),
            scales=scales.exp().numpy(),
            rotations=torch.nn.functional.normalize(quats, dim=-1).numpy(),
            opacities=opacities.sigmoid()[:, 0].numpy(),
            harmonics=torch.cat([first[:, None], rest], dim=1).numpy(),
        )

    def field(self, checkpoint: dict[str, Any], device: torch.device) -> Field:
        any_seeds = torch.rand(8, 3), torch.zeros(8, 3)  # as many as in the checkpoint once that is loaded
        module = build_model(checkpoint["settings"], any_seeds, 1, device)
        module.load_state_dict(dict(checkpoint["model"]))
        return SplatField(module)
