"""nerfstudio's NeRFModel as a `RayModel`."""

from __future__ import annotations

from typing import Any

import torch
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.field_components.encodings import NeRFEncoding
from nerfstudio.field_components.spatial_distortions import SceneContraction
from nerfstudio.fields.vanilla_nerf_field import NeRFField
from nerfstudio.model_components.ray_samplers import UniformLinDispPiecewiseSampler
from nerfstudio.models.vanilla_nerf import NeRFModel, VanillaModelConfig
from torch import Tensor

from ..rays.exposure import ExposureResponse
from ..rays.nerfstudio_rays import ray_bundle
from ..rays.ray_model import RayColours
from ..rays.rays import Rays
from ..training.losses import Losses
from ..training.offline import without_metrics
from ..training.scene_bounds import Bounds


class VanillaNerf:
    """Trains and renders a NeRFModel. It has no schedule: every step is like the others."""

    def __init__(self, module: NeRFModel):
        self.module = module
        self.exposure = module.exposure = ExposureResponse().to(module.device)

    def begin_step(self, step: int) -> None:
        pass

    def end_step(self, step: int) -> None:
        pass

    def losses(self, rays: Rays, pixels: Tensor) -> Losses:
        outputs = self.module.get_outputs(ray_bundle(rays))
        brightness = self.exposure(rays.log_exposures)
        for name in ("rgb_coarse", "rgb_fine"):
            outputs[name] = outputs[name] * brightness
        losses = self.module.get_loss_dict(outputs, {"image": pixels})
        return Losses(
            total=torch.stack(list(losses.values())).sum(), mean_square_error=losses["rgb_loss_fine"].detach()
        )

    def colours(self, rays: Rays) -> RayColours:
        outputs = self.module.get_outputs(ray_bundle(rays))
        rgb = outputs["rgb_fine"] * self.exposure(rays.log_exposures)
        return RayColours(rgb, outputs["accumulation_fine"], outputs["depth_fine"])

    def schedule_state(self) -> dict[str, Any]:
        return {}

    def restore_schedule(self, state: dict[str, Any]) -> None:
        pass


def build_model(settings: dict[str, Any], bounds: Bounds, device: torch.device) -> VanillaNerf:
    """An untrained model with `derive_settings`' settings, on `device`.

    The background is random in training, black otherwise, as for nerfacto. An open scene is contracted (Barron et al.
    2022), which the paper's networks need as soon as something is farther away than a few units.
    """
    config = VanillaModelConfig(
        num_coarse_samples=settings["coarseSamples"],
        num_importance_samples=settings["fineSamples"],
        background_color="random",
        enable_collider=False,
    )
    with without_metrics():
        module: NeRFModel = config.setup(
            scene_box=SceneBox(aabb=torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=1
        )
    contraction = None if bounds.box else SceneContraction(order=float("inf"))
    module.field_coarse = _network(settings, contraction)
    module.field_fine = _network(settings, contraction)
    if settings["initialSampler"] == "piecewise":
        sampler = UniformLinDispPiecewiseSampler(num_samples=settings["coarseSamples"])
        module.sampler_uniform = sampler  # type: ignore[assignment]
    return VanillaNerf(module.to(device))


def _network(settings: dict[str, Any], contraction: SceneContraction | None) -> NeRFField:
    """One network: density from the position, colour from that and the direction. Frequencies are 2^0 to 2^(n-1)."""
    positions, directions = settings["positionFrequencies"], settings["directionFrequencies"]
    return NeRFField(
        position_encoding=NeRFEncoding(3, positions, 0.0, positions - 1.0, include_input=True),
        direction_encoding=NeRFEncoding(3, directions, 0.0, directions - 1.0, include_input=True),
        base_mlp_num_layers=settings["layers"],
        base_mlp_layer_width=settings["width"],
        head_mlp_num_layers=2,
        head_mlp_layer_width=settings["width"] // 2,
        skip_connections=(settings["layers"] // 2,),
        spatial_distortion=contraction,
    )
