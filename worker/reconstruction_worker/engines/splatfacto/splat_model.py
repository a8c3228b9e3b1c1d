"""nerfstudio's SplatfactoModel, built without what the worker's image does not have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.models.splatfacto import SplatfactoModel, SplatfactoModelConfig
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor

from ...geometry.rendering import Camera
from ..training.offline import without_metrics

GAUSSIANS = ("means", "scales", "quats", "features_dc", "features_rest", "opacities")


class Splats(SplatfactoModel):
    """Finds neighbours with scipy instead of scikit-learn."""

    def k_nearest_sklearn(self, x: Tensor, k: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        points = x.detach().cpu().numpy()
        distances, neighbours = map(np.asarray, KDTree(points).query(points, k=k + 1))
        return distances[:, 1:].astype(np.float32), neighbours[:, 1:].astype(np.float32)


@dataclass
class SplatsConfig(SplatfactoModelConfig):
    _target: type = field(default_factory=lambda: Splats)


def build_model(settings: dict[str, Any], seeds: tuple[Tensor, Tensor], photos: int, device: torch.device) -> Splats:
    """An untrained model with `derive_settings`' settings, one Gaussian at each of the `seeds`.

    The background is random in training and black otherwise, as for the other engines: that teaches opacity from masks.
    """
    refine, reset = settings["refineEvery"], settings["resetEvery"]
    config = SplatsConfig(
        background_color="random",
        warmup_length=settings["refineFrom"],
        refine_every=refine,
        reset_alpha_every=reset,
        stop_split_at=settings["refineUntil"],
        stop_screen_size_at=settings["refineUntil"] // 4,
        num_downscales=settings["downscales"],
        resolution_schedule=settings["doubleEvery"],
        sh_degree=settings["harmonics"],
        sh_degree_interval=settings["harmonicsEvery"],
        densify_grad_thresh=settings["densifyGradient"],
    )
    # nerfstudio lets refinement rest for as many steps after a reset as there are photos: with many it never ended.
    rest = min(photos, refine * reset // 2)
    with without_metrics():
        module: Splats = config.setup(
            scene_box=SceneBox(aabb=torch.tensor([[-1.0] * 3, [1.0] * 3])),
            num_train_data=rest,
            seed_points=tuple(tensor.to(device) for tensor in seeds),
        )
    module.set_background(torch.zeros(3))
    module.strategy.verbose = False
    return module.to(device)


def nerfstudio_camera(camera: Camera, device: torch.device) -> Cameras:
    """One camera as nerfstudio's models take it."""
    return Cameras(
        camera_to_worlds=torch.from_numpy(camera.camera_to_world[None, :3].astype(np.float32)),
        fx=float(camera.fx),
        fy=float(camera.fy),
        cx=float(camera.cx),
        cy=float(camera.cy),
        width=camera.width,
        height=camera.height,
        camera_type=CameraType.PERSPECTIVE,
    ).to(device)


def rasterised(module: Splats, camera: Camera) -> dict[str, Any]:
    """What the model shows to a camera; nerfstudio's dictionary. nerfstudio compiles one small function for which the
    image would need a compiler: it runs as it is."""
    with torch.compiler.set_stance("force_eager"):
        return module.get_outputs(nerfstudio_camera(camera, module.device))
