"""The `Method` of engines that learn from single rays: nerfacto and vanilla-nerf."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from reconstruction_api.training import Training

from ...geometry.rendering import Field
from ..training.fit import Settings, Setup
from ..training.out_of_memory import free_bytes, parts_that_fit
from ..training.posed_photos import PosedPhoto, Scene
from ..training.scene_bounds import Bounds
from ..training.trainer import Schedule
from .keypoints import Keypoints, find_depths, find_ground, find_keypoints
from .pixels import PhotoPixels
from .radiance_field import RadianceField, chunk_that_fits
from .ray_model import RayModel
from .ray_trainer import SMALLEST_PART, RayTrainer

DeriveSettings = Callable[[Scene, Bounds, Training, torch.device], Settings]
"""Settings with `raysPerStep`, `bytesPerRay` (an estimate, of a training step), `firstRate` and `lastRate`."""
BuildModel = Callable[[Settings, Bounds, torch.device], RayModel]
RenderingBytes = Callable[[Settings], int]
"""About how much GPU memory a ray takes while it is rendered."""


class RaysMethod:
    """Made of a way to choose settings for a scene, a way to build a model from them, and what that takes."""

    def __init__(self, derive_settings: DeriveSettings, build_model: BuildModel, rendering_bytes: RenderingBytes):
        self._derive_settings = derive_settings
        self._build_model = build_model
        self._rendering_bytes = rendering_bytes

    def check(self, device: torch.device) -> None:
        """nerfstudio's torch implementations work wherever torch does."""

    def settings(self, scene: Scene, bounds: Bounds, training: Training, device: torch.device) -> Settings:
        derived = self._derive_settings(scene, bounds, training, device)
        rays = training.rays_per_step or derived["raysPerStep"]
        wanted, free = training.gradient_accumulation, free_bytes(device)
        parts = parts_that_fit(rays, derived["bytesPerRay"], free, wanted, SMALLEST_PART)
        return {
            **derived,
            "steps": training.planned_steps(on_gpu=device.type == "cuda"),
            "raysPerStep": rays,
            "parts": parts,
        }

    def trainer(self, setup: Setup) -> RayTrainer:
        settings, bounds, device = setup.settings, setup.bounds, setup.device
        keypoints = _keypoints(setup.scene, setup.photos, bounds)
        return RayTrainer(
            self._build_model(settings, bounds, device),
            PhotoPixels(setup.cameras, setup.pictures, bounds, device, setup.training.seed, keypoints),
            Schedule(settings["steps"], settings["raysPerStep"], settings["firstRate"], settings["lastRate"]),
            device,
            settings["parts"],
            self._rendering_bytes(settings),
        )

    def field(self, checkpoint: dict[str, Any], device: torch.device) -> Field:
        bounds, settings = Bounds.from_state(checkpoint["bounds"]), checkpoint["settings"]
        model = self._build_model(settings, bounds, device)
        model.module.load_state_dict(checkpoint["model"])
        model.restore_schedule(checkpoint["model_schedule"])
        return RadianceField(model, bounds, device, chunk_that_fits(self._rendering_bytes(settings), device))


def _keypoints(scene: Scene, photos: Sequence[PosedPhoto], bounds: Bounds) -> list[Keypoints]:
    """What depth maps say about distances; without them what the sparse points say, but of one object the visual hull
    says more."""
    if any(photo.depth is not None for photo in photos):
        return find_depths(photos)
    if scene.bounded:
        return []
    return [find_keypoints(scene, photos), *([find_ground(scene, photos)] if bounds.box else [])]
