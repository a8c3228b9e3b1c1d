"""The `Method` of splatfacto."""

from __future__ import annotations

from typing import Any

import torch

from reconstruction_api.training import Training

from ...geometry.gaussians import Gaussians
from ...geometry.rendering import Field
from ..gaussians.field import SplatsField
from ..gaussians.numba_rasteriser import NumbaRasteriser
from ..gaussians.parameters import HARMONICS, MEANS, OPACITIES, ROTATIONS, SCALES, Parameters, as_gaussians
from ..training.compiled_gsplat import check_gsplat
from ..training.fit import Settings, Setup
from ..training.out_of_memory import free_bytes
from ..training.posed_photos import Scene
from ..training.scene_bounds import Bounds
from ..training.trainer import Schedule
from .seeds import seed_points
from .settings import LAST_RATE_OF_MEANS, RATES, derive_settings
from .splat_model import build_model
from .splat_trainer import SplatTrainer


class SplatMethod:
    def check(self, device: torch.device) -> None:
        check_gsplat("splatfacto", "choose nerfacto")

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
        return as_gaussians(_parameters(checkpoint))

    def field(self, checkpoint: dict[str, Any], device: torch.device) -> Field:
        return SplatsField(_parameters(checkpoint), {}, NumbaRasteriser(antialiased=False))


def _parameters(checkpoint: dict[str, Any]) -> Parameters:
    """From nerfstudio's model to what the engine splats learns of Gaussians."""
    model = {name.split(".")[-1]: value.detach().float().cpu() for name, value in checkpoint["model"].items()}
    harmonics = torch.cat([model["features_dc"][:, None], model["features_rest"]], dim=1)
    return {
        MEANS: model["means"],
        SCALES: model["scales"],
        ROTATIONS: model["quats"],
        OPACITIES: model["opacities"],
        HARMONICS: harmonics.contiguous(),
    }
