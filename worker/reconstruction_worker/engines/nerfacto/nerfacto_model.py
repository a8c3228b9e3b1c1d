"""nerfstudio's NerfactoModel as a `RayModel`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.model_components.losses import distortion_loss
from nerfstudio.models.nerfacto import NerfactoModel, NerfactoModelConfig
from torch import Tensor

from ..gpu_kernels import gpu_kernels_are_available
from ..rays.denser_samples import DenserSamples
from ..rays.direction_polynomial import DirectionPolynomial
from ..rays.even_samples import EvenSamples
from ..rays.exposure import ExposureResponse
from ..rays.hash_encoding import accelerate
from ..rays.ray_model import RayColours
from ..rays.rays import Rays
from ..rays.weighed_samples import SampleAlong, weighed_by_kernel
from ..training.losses import Losses
from ..training.offline import without_metrics
from ..training.scene_bounds import Bounds
from . import passes
from .known_depth import DepthWeight, depth_loss
from .settings import POINT_WEIGHTS, PROPOSAL_LEVELS


class Nerfacto:
    """Trains and renders a NerfactoModel on rays that already know where they begin and end."""

    def __init__(self, module: NerfactoModel, depth_weight: DepthWeight, depth_tolerance: float):
        self.module = module
        self._depth_weight, self._depth_tolerance, self._step = depth_weight, depth_tolerance, 0
        self.exposure = module.exposure = ExposureResponse().to(module.device)
        attributes = TrainingCallbackAttributes(optimizers=None, grad_scaler=None, pipeline=None, trainer=None)
        self._callbacks = module.get_training_callbacks(attributes)

    def begin_step(self, step: int) -> None:
        self._step = step
        self._run_callbacks(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)

    def end_step(self, step: int) -> None:
        self._run_callbacks(step, TrainingCallbackLocation.AFTER_TRAIN_ITERATION)

    def losses(self, rays: Rays, pixels: Tensor) -> Losses:
        found = passes.sampled(self.module, rays)
        rgb = passes.colours_in_training(self.module.field, rays, found)
        weights, samples = zip(*found.proposals, (found.weights, found.samples), strict=True)
        outputs = {
            "rgb": rgb * self.exposure(rays.log_exposures),
            "accumulation": found.alpha,
            "weights_list": list(weights),
            "ray_samples_list": list(samples),
        }
        distortion = distortion_loss(outputs["weights_list"], outputs["ray_samples_list"])
        losses = self.module.get_loss_dict(outputs, {"image": pixels}, {"distortion": distortion})
        if rays.surface is not None and rays.reach is not None:
            loss = depth_loss(outputs, rays.surface, rays.reach, self._depth_tolerance)
            losses["depth_loss"] = self._depth_weight.at(self._step) * loss
        return Losses(total=torch.stack(list(losses.values())).sum(), mean_square_error=losses["rgb_loss"].detach())

    def colours(self, rays: Rays) -> RayColours:
        seen = passes.rendered(self.module, rays)
        return replace(seen, rgb=seen.rgb * self.exposure(rays.log_exposures))

    def schedule_state(self) -> dict[str, Any]:
        sampler = self.module.proposal_sampler
        return {
            "step": sampler._step,
            "stepsSinceUpdate": sampler._steps_since_update,
            "anneal": float(sampler._anneal),
        }

    def restore_schedule(self, state: dict[str, Any]) -> None:
        sampler = self.module.proposal_sampler
        sampler._step, sampler._steps_since_update = state["step"], state["stepsSinceUpdate"]
        sampler.set_anneal(state["anneal"])

    def _run_callbacks(self, step: int, location: TrainingCallbackLocation) -> None:
        for callback in self._callbacks:
            callback.run_callback_at_location(step, location)


def build_model(settings: dict[str, Any], bounds: Bounds, device: torch.device) -> Nerfacto:
    """An untrained model with `derive_settings`' settings, on `device`.

    The background is random in training and black otherwise: that teaches opacity from masks, and keeps photos without
    a mask from explaining the scene by its background.
    """
    config = NerfactoModelConfig(
        implementation="torch",
        background_color="random",
        near_plane=bounds.near,
        far_plane=bounds.far,
        num_levels=settings["levels"],
        max_res=settings["maxResolution"],
        log2_hashmap_size=settings["log2TableSize"],
        hidden_dim=settings["hiddenWidth"],
        hidden_dim_color=settings["hiddenWidth"],
        num_proposal_iterations=len(settings["proposalSamples"]),
        num_proposal_samples_per_ray=tuple(settings["proposalSamples"]),
        num_nerf_samples_per_ray=settings["samples"],
        proposal_net_args_list=_proposal_grids(settings),
        proposal_initial_sampler=settings["initialSampler"],
        proposal_warmup=settings["proposalWarmup"],
        proposal_weights_anneal_max_num_iters=settings["annealSteps"],
        disable_scene_contraction=bounds.box is not None,
        average_init_density=1.0,
        use_appearance_embedding=False,
        camera_optimizer=CameraOptimizerConfig(mode="off"),
    )
    with without_metrics():
        module = config.setup(scene_box=SceneBox(aabb=_cube(bounds)), num_train_data=1)
    accelerate(module, device)
    if device.type == "cuda":
        _spare_operations(module, device)
    return Nerfacto(module.to(device), _depth_weight(settings), settings.get("depthTolerance", 0.0))


def _spare_operations(module: NerfactoModel, device: torch.device) -> None:
    """On a GPU a small step takes as long as it takes to start its operations, and to wait for it."""
    setattr(module.field, passes.POLYNOMIAL, DirectionPolynomial(module.field.direction_encoding, device))
    sampler: Any = module.proposal_sampler.initial_sampler
    first: SampleAlong = EvenSamples(sampler, module.config.num_proposal_samples_per_ray[0], device)
    if gpu_kernels_are_available():
        denser: Any = module.proposal_sampler.pdf_sampler
        denser.generate_ray_samples = weighed_by_kernel(DenserSamples(denser))
        first = weighed_by_kernel(first)
    sampler.generate_ray_samples = first


def _depth_weight(settings: dict[str, Any]) -> DepthWeight:
    """Checkpoints of earlier releases know nothing of depth maps."""
    first, last = settings.get("depthWeights", POINT_WEIGHTS)
    return DepthWeight(first, last, settings.get("steps", 1))


def _cube(bounds: Bounds) -> Tensor:
    """[2, 3]: the grids' extent, a cube so that cells are as long as wide; open scenes are contracted instead."""
    low, high = torch.tensor(bounds.box if bounds.box else [[-1.0] * 3, [1.0] * 3])
    centre, half = (low + high) / 2, (high - low).max() / 2
    return torch.stack((centre - half, centre + half))


def _proposal_grids(settings: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "hidden_dim": 16,
            "log2_hashmap_size": settings["proposalLog2TableSize"],
            "num_levels": PROPOSAL_LEVELS,
            "max_res": min(settings["maxResolution"], resolution),
            "use_linear": False,
        }
        for resolution in (128, 256)[: len(settings["proposalSamples"])]
    ]
