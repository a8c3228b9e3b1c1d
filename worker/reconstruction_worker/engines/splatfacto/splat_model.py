"""nerfstudio's SplatfactoModel, built without what the worker's image does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from gsplat.rendering import rasterization
from gsplat.strategy import DefaultStrategy
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.models.splatfacto import SplatfactoModel, SplatfactoModelConfig
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor

from ...geometry.rendering import Camera
from ..training.offline import without_metrics
from .refinement import Refinement
from .settings import MOST_GAUSSIANS, bytes_per_gaussian

NEAR, FAR = 0.01, 1e10
"""Distances between which Gaussians are shown, in world units."""
GAUSSIANS = ("means", "scales", "quats", "features_dc", "features_rest", "opacities")


class Splats(SplatfactoModel):
    """Finds neighbours with scipy instead of scikit-learn."""

    strategy: Refinement

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
    module.strategy = _refinement(module.strategy, settings)
    return module.to(device)


def _refinement(strategy: DefaultStrategy, settings: dict[str, Any]) -> Refinement:
    """With what nerfstudio has set. Checkpoints of earlier releases know no upper limit."""
    chosen: dict[str, Any] = {each.name: getattr(strategy, each.name) for each in fields(DefaultStrategy)}
    chosen["verbose"] = False
    most = settings.get("mostGaussians", MOST_GAUSSIANS)
    return Refinement(**chosen, most=most, bytes_each=bytes_per_gaussian(settings["harmonics"]))


class Views:
    """Cameras as gsplat takes them."""

    def __init__(self, cameras: Sequence[Camera], device: torch.device):
        poses = np.stack([camera.camera_to_world for camera in cameras])
        # gsplat's cameras look along z, y down.
        to_camera = np.linalg.inv(poses @ np.diag([1.0, -1.0, -1.0, 1.0]))
        self.cameras = cameras
        self.poses = torch.from_numpy(to_camera.astype(np.float32)).to(device)  # [V, 4, 4]
        self._intrinsics: dict[int, Tensor] = {}

    def intrinsics(self, shrunk: int) -> Tensor:
        """[V, 3, 3] for pictures with `shrunk` times fewer pixels a side."""
        if shrunk not in self._intrinsics:
            rows = [((c.fx, 0, c.cx), (0, c.fy, c.cy), (0, 0, shrunk)) for c in self.cameras]
            matrices = torch.from_numpy((np.array(rows) / shrunk).astype(np.float32))
            self._intrinsics[shrunk] = matrices.to(self.poses.device)
        return self._intrinsics[shrunk]


@dataclass(frozen=True)
class Seen:
    """What a model shows to a camera."""

    rgb: Tensor  # [H, W, 3], premultiplied
    alpha: Tensor  # [H, W, 1]
    depth: Tensor | None  # [H, W, 1], mean along the camera's axis; not in training


def rasterised(module: Splats, views: Views, index: int, shrunk: int = 1) -> Seen:
    """The picture of a camera, `shrunk` times smaller a side. In training the model is made ready to be refined by what
    that gives.

    nerfstudio's own function does the same, but waits for the device several times and takes twice as many operations.
    """
    camera, parameters = views.cameras[index], module.gauss_params
    steps = max(1, module.config.sh_degree_interval)
    picture, alpha, module.info = rasterization(
        means=parameters["means"],
        quats=parameters["quats"],  # gsplat normalises them
        scales=torch.exp(parameters["scales"]),
        opacities=torch.sigmoid(parameters["opacities"]).squeeze(-1),
        colors=torch.cat((parameters["features_dc"][:, None], parameters["features_rest"]), dim=1),
        viewmats=views.poses[index : index + 1],
        Ks=views.intrinsics(shrunk)[index : index + 1],
        width=camera.width // shrunk,
        height=camera.height // shrunk,
        packed=False,
        near_plane=NEAR,
        far_plane=FAR,
        render_mode="RGB" if module.training else "RGB+ED",
        sh_degree=min(module.step // steps, module.config.sh_degree),
        absgrad=module.strategy.absgrad,
    )
    if module.training:
        strategy: Any = module.strategy
        strategy.step_pre_backward(parameters, {}, module.strategy_state, module.step, module.info)
    return Seen(picture[0, ..., :3], alpha[0], None if module.training else picture[0, ..., 3:4])
