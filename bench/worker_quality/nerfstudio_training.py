"""Trains and judges nerfstudio's nerfacto for a given time.

Everything that learns is nerfstudio's, from `method_configs["nerfacto"]` on; added are the end of training by a clock,
a learning rate that falls by the same clock, PyTorch's fused Adam, and the worker's metrics.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchmetrics.image.lpip
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.configs.base_config import LocalWriterConfig, LoggingConfig, MachineConfig
from nerfstudio.configs.method_configs import method_configs
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManagerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.schedulers import Scheduler, SchedulerConfig
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from PIL import Image
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from reconstruction_worker.quality import metrics

from .clock import Clock


@dataclass
class FusedAdamConfig(AdamOptimizerConfig):
    """nerfstudio passes all fields on to torch.optim.Adam."""

    fused: bool = True


@dataclass
class TimedDecayConfig(SchedulerConfig):
    """Exponential decay to `lr_final` at the clock's end."""

    _target: type = field(default_factory=lambda: TimedDecay)
    clock: Clock | None = None
    lr_final: float = 1e-3


class TimedDecay(Scheduler):
    config: TimedDecayConfig

    def get_scheduler(self, optimizer: Optimizer, lr_init: float) -> LambdaLR:
        clock, ratio = self.config.clock, self.config.lr_final / lr_init
        assert clock is not None
        return LambdaLR(optimizer, lambda _step: ratio**clock.share)


class TimedTrainer(Trainer):
    """nerfstudio's, until the clock has run out."""

    clock: Clock

    def train_iteration(self, step: int) -> Any:
        self.clock.start()
        outcome = super().train_iteration(step)
        if self.clock.share >= 1:
            self.stop_training = True
            self.passed, self.steps = self.clock.passed, step + 1
        return outcome


def configuration(request: dict[str, Any], clock: Clock) -> TrainerConfig:
    """nerfacto's, with the settings of the request."""
    settings = request["settings"]
    config: TrainerConfig = copy.deepcopy(method_configs["nerfacto"])  # type: ignore[assignment]
    config._target = TimedTrainer
    config.output_dir, config.experiment_name, config.timestamp = Path(request["out"]), "bench", "run"
    config.vis = "tensorboard"  # the others open a server or an account
    config.machine = MachineConfig(device_type="cpu", num_devices=0, seed=request["seed"])
    config.logging = LoggingConfig(local_writer=LocalWriterConfig(enable=False), profiler="none", steps_per_log=10**9)
    config.max_num_iterations = 10**6
    config.mixed_precision = False
    for name in ("steps_per_save", "steps_per_eval_batch", "steps_per_eval_image", "steps_per_eval_all_images"):
        setattr(config, name, 10**9)
    ours = settings["world"] == "ours"
    config.pipeline.datamanager = VanillaDataManagerConfig(
        dataparser=NerfstudioDataParserConfig(
            data=Path(request["data"]),
            downscale_factor=1,
            **({"orientation_method": "none", "center_method": "none", "auto_scale_poses": False} if ours else {}),
        ),
        train_num_rays_per_batch=settings["raysPerStep"],
        eval_num_rays_per_batch=settings["raysPerStep"],
    )
    for name, value in _model_settings(settings).items():
        setattr(config.pipeline.model, name, value)
    config.optimizers = {
        name: {
            "optimizer": FusedAdamConfig(lr=settings["firstRate"], eps=1e-15),
            "scheduler": TimedDecayConfig(clock=clock, lr_final=settings["lastRate"]),
        }
        for name in ("proposal_networks", "fields")
    }
    return config


def _model_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Fields of NerfactoModelConfig."""
    proposals = settings["proposalSamples"]
    resolutions = [min(settings["maxResolution"], resolution) for resolution in (128, 256)]
    return {
        "implementation": "torch",
        "eval_num_rays_per_chunk": 1 << 12,
        "background_color": settings["background"],
        "near_plane": settings["near"],
        "far_plane": settings["far"],
        "num_levels": settings["levels"],
        "max_res": settings["maxResolution"],
        "log2_hashmap_size": settings["log2TableSize"],
        "hidden_dim": settings["hiddenWidth"],
        "hidden_dim_color": settings["hiddenWidth"],
        "num_proposal_iterations": len(proposals),
        "num_proposal_samples_per_ray": tuple(proposals),
        "num_nerf_samples_per_ray": settings["samples"],
        "proposal_net_args_list": [
            {
                "hidden_dim": 16,
                "log2_hashmap_size": settings["proposalLog2TableSize"],
                "num_levels": 5,
                "max_res": resolution,
                "use_linear": False,
            }
            for resolution in resolutions[: len(proposals)]
        ],
        "proposal_initial_sampler": settings["initialSampler"],
        "proposal_warmup": settings["proposalWarmup"],
        "proposal_weights_anneal_max_num_iters": settings["annealSteps"],
        "disable_scene_contraction": not settings["contraction"],
        "use_appearance_embedding": settings["appearance"],
        "average_init_density": settings["averageInitialDensity"],
        "camera_optimizer": CameraOptimizerConfig(mode="off"),
    }


@contextmanager
def without_perceptual_metric() -> Iterator[None]:
    """nerfacto makes an LPIPS metric, which downloads weights and is used in nerfstudio's own evaluation only."""
    module, name = torchmetrics.image.lpip, "LearnedPerceptualImagePatchSimilarity"
    original = getattr(module, name)
    setattr(module, name, lambda **_: torch.nn.Module())
    try:
        yield
    finally:
        setattr(module, name, original)


def train(request: dict[str, Any]) -> TimedTrainer:
    """Raises what nerfstudio raises."""
    random.seed(request["seed"])
    np.random.seed(request["seed"])
    torch.manual_seed(request["seed"])
    clock = Clock(request["seconds"], request["cpuSeconds"])
    trainer = configuration(request, clock).setup(local_rank=0, world_size=1)
    trainer.clock = clock
    with without_perceptual_metric():
        trainer.setup()
    trainer.train()
    return trainer


@torch.inference_mode()
def compare(trainer: TimedTrainer, pictures: Path) -> list[dict[str, Any]]:
    """The held-out views as our own evaluation judges them: over white where photos have alpha."""
    pictures.mkdir(parents=True, exist_ok=True)
    trainer.pipeline.eval()
    model, data = trainer.pipeline.model, trainer.pipeline.datamanager.eval_dataset
    assert data is not None
    views = []
    for index, file in enumerate(data.image_filenames):
        with Image.open(file) as image:
            photo = np.asarray(image)
        outputs = model.get_outputs_for_camera(data.cameras[index : index + 1])
        rendered = outputs["rgb"].double().numpy()
        if photo.shape[2] == 4:  # trained over random colours, rendered over black
            rendered = rendered + 1 - outputs["accumulation"].double().numpy()
        rendered = rendered.clip(0, 1)
        reference = metrics.photo_over_white(photo)
        Image.fromarray((rendered * 255 + 0.5).astype(np.uint8)).save(pictures / f"{file.name}.render.jpg", quality=92)
        psnr, ssim = metrics.psnr(rendered, reference), metrics.ssim(rendered, reference)
        views.append({"name": file.name, "psnr": round(psnr, 3), "ssim": round(ssim, 4)})
    return views


def run(request: dict[str, Any]) -> None:
    """Leaves `result.json` and the rendered views in the folder of the request; where it names a file to `keep` it in,
    what was learned instead of views."""
    torch.set_num_threads(request["threads"])
    trainer = train(request)
    keep = request.get("keep")
    if keep:
        torch.save(trainer.pipeline.state_dict(), keep)
    seconds, cpu_seconds = trainer.passed
    out = Path(request["out"])
    result = {
        "seconds": round(seconds, 1),
        "cpuSeconds": round(cpu_seconds, 1),
        "steps": trainer.steps,
        "views": [] if keep else compare(trainer, out / "views"),
    }
    (out / "result.json").write_text(json.dumps(result, indent=1))
