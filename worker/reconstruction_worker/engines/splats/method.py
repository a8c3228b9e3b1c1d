"""The `Method` of splats."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from reconstruction_api.training import Training

from ...geometry.gaussians import Gaussians
from ...geometry.rendering import Field
from ..gaussians.field import SplatsField
from ..gaussians.numba_rasteriser import NumbaRasteriser
from ..gaussians.parameters import NAMES, as_gaussians
from ..gaussians.rasteriser import Rasteriser
from ..training.compiled_gsplat import check_gsplat
from ..training.fit import Settings, Setup
from ..training.posed_photos import Scene
from ..training.scene_bounds import Bounds
from ..training.trainer import Schedule
from .cloud import Cloud
from .exposures import Exposures
from .photos import Photos
from .schedule import LAST_OF_MEANS, rate_of_means
from .seed_sources import Shots, between_points, from_depth_maps, inside_hull, sparse
from .seeds import Seeds, seeded
from .settings import FEW_PHOTOS, derive_settings
from .stereo_seeds import from_stereo
from .trainer import SplatsTrainer

SEED_SHARE = 0.6
"""Of the Gaussians that there may be, those that begin: the others come where they are missing."""
FEWEST_SEEDS = 1000
"""Points below which the masks' hull, or the box, gives more."""


class SplatsMethod:
    def check(self, device: torch.device) -> None:
        if device.type == "cuda":
            check_gsplat("splats", "set spec.training.device to CPU")

    def settings(self, scene: Scene, bounds: Bounds, training: Training, device: torch.device) -> Settings:
        return derive_settings(scene, training, device)

    def trainer(self, setup: Setup) -> SplatsTrainer:
        settings, training = setup.settings, setup.training
        exposures = Exposures([camera.log_exposure for camera in setup.cameras])
        first = seeded(_seeds(setup, exposures), settings["extent"])
        rate = rate_of_means(0, settings["extent"])
        return SplatsTrainer(
            Cloud(first, settings["harmonics"], settings["mostGaussians"], setup.device),
            Photos(setup.cameras, setup.handed_over(), settings["smaller"], setup.device),
            exposures,
            _rasteriser(settings, setup.device),
            Schedule(settings["steps"], settings["raysPerStep"], rate, rate * LAST_OF_MEANS),
            settings["extent"],
            settings["photosPerStep"],
            training.seed,
        )

    def field(self, checkpoint: dict[str, Any], device: torch.device) -> Field:
        """On the CPU, also where there is a GPU: a result looks the same wherever it is looked at, and depths are
        medians."""
        model = {name: value.float() for name, value in checkpoint["model"].items()}
        exposures = {name: value.numpy() for name, value in model.items() if name not in NAMES}
        gaussians = {name: model[name].contiguous() for name in NAMES}
        return SplatsField(gaussians, exposures, NumbaRasteriser(antialiased=checkpoint["settings"]["antialiased"]))

    def gaussians(self, checkpoint: dict[str, Any]) -> Gaussians:
        return replace(as_gaussians(checkpoint["model"]), antialiased=checkpoint["settings"]["antialiased"])


def _rasteriser(settings: Settings, device: torch.device) -> Rasteriser:
    if device.type == "cpu":
        return NumbaRasteriser(antialiased=settings["antialiased"])
    from ..gaussians.gsplat_rasteriser import GsplatRasteriser  # takes seconds

    return GsplatRasteriser(device, antialiased=settings["antialiased"])


def _seeds(setup: Setup, exposures: Exposures) -> Seeds:
    """From what is known of the scene, the surest first."""
    random = np.random.default_rng(setup.training.seed)
    gains = [exposures.gains(index) for index in range(len(setup.photos))]
    shots = Shots(setup.scene, setup.photos, setup.pictures, gains)
    count = int(SEED_SHARE * setup.settings["mostGaussians"])
    seeds = sparse(shots).at_most(count, random)
    if any(photo.depth is not None for photo in setup.photos):
        more = from_depth_maps(shots, count, random)
    elif len(setup.photos) <= FEW_PHOTOS:
        more = from_stereo(shots, setup.bounds, count, random)
        if not setup.scene.bounded:
            more = Seeds.together([more, between_points(shots, count, random).away_from(more)])
    elif not setup.scene.bounded:
        more = between_points(shots, count, random)
    else:
        more = Seeds.none()
    seeds = Seeds.together([seeds, more.away_from(seeds).at_most(count - len(seeds), random)])
    if len(seeds) < FEWEST_SEEDS:
        seeds = Seeds.together([seeds, inside_hull(shots, setup.bounds, min(count, FEWEST_SEEDS), random)])
    return seeds
