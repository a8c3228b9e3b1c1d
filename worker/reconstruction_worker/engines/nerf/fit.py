"""What every radiance-field engine does with a stage: train in its folder, resume there, and load from there."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import Training
from reconstruction_api.stages import StageName, digest

from ...files import write_atomically
from ...stage import StageContext, StageOutput
from ..base import Camera, EngineSpec
from .checkpoints import CheckpointStore, load_checkpoint
from .device import choose_device
from .extent import ground_box
from .field import RadianceField
from .hull import carve
from .keypoints import Keypoints, find_ground, find_keypoints
from .loop import TrainingLoop
from .model import RayModel
from .pixels import PhotoPixels
from .rays import Bounds, Box
from .scene import PosedPhoto, Scene, read_scene
from .split import Split, choose_split, given_split
from .trainer import Schedule, Trainer

Settings = dict[str, Any]
"""Plain JSON data. Has at least `raysPerStep`, `firstRate` and `lastRate`; the rest is the engine's own."""

DeriveSettings = Callable[[Scene, Bounds, Training, torch.device], Settings]
BuildModel = Callable[[Settings, Bounds, torch.device], RayModel]

MANIFEST = "engine.json"


class RadianceEngine:
    """An engine made of a way to choose settings for a scene and a way to build a model from them."""

    def __init__(self, spec: EngineSpec, derive_settings: DeriveSettings, build_model: BuildModel):
        self.spec = spec
        self._derive_settings = derive_settings
        self._build_model = build_model

    def fit(self, context: StageContext) -> StageOutput:
        """Train on `poses/`; leave checkpoints, `split.json`, `history.jsonl` and `engine.json`."""
        started = time.monotonic()
        training = context.spec.training
        scene = read_scene(context.workspace)
        self._check_count(len(scene.photos))
        device = choose_device(training.device, self.spec)
        context.folder.mkdir(parents=True, exist_ok=True)
        shares = {photo.name: photo.share for photo in scene.photos if photo.share is not None}
        split = given_split(shares) or choose_split([photo.name for photo in scene.photos])
        store = CheckpointStore(context.folder / "checkpoints", training.keep_checkpoints)
        belongs_to = _identity(self.spec, training, context.workspace, split)
        checkpoint = store.load_latest()
        if checkpoint is not None and checkpoint["belongs_to"] != belongs_to:
            raise ReconstructionError("CheckpointIncompatible", "The checkpoints are of other photos or settings.")
        split.write(context.folder / "split.json")

        photos = [scene.photo(name) for name in split.train]
        pictures = [photo.pixels() for photo in photos]
        cameras = [photo.camera for photo in photos]
        # A training goes on with what it began with, also on another machine or after an upgrade.
        bounds = Bounds.from_state(checkpoint["bounds"]) if checkpoint else _bounds(scene, cameras, pictures)
        settings = checkpoint["settings"] if checkpoint else self._derive_settings(scene, bounds, training, device)
        keypoints = _keypoints(scene, photos, bounds)
        _seed(training.seed)
        trainer = Trainer(
            self._build_model(settings, bounds, device),
            PhotoPixels(cameras, pictures, bounds, device, training.seed, keypoints),
            Schedule(training.steps, settings["raysPerStep"], settings["firstRate"], settings["lastRate"]),
            device,
        )
        if checkpoint is not None:
            trainer.restore(checkpoint)
        resumed_at = trainer.step
        constants = {"belongs_to": belongs_to, "settings": settings, "bounds": bounds.state()}
        TrainingLoop(context, trainer, store, constants).run()

        manifest = {
            "engine": self.spec.name,
            "licence": self.spec.licence,
            "device": device.type,
            "step": trainer.step,
            "checkpoint": f"checkpoints/{store.files()[-1].name}",
            "settings": settings,
        }
        write_atomically(context.folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
        message = f"{trainer.step} steps on {_device_name(device)} in {time.monotonic() - started:.0f} s"
        if resumed_at:
            message += f", resumed at step {resumed_at}"
        return StageOutput(message=message, metrics={"steps": trainer.step, "heldOutImages": len(split.held_out)})

    def load(self, folder: Path, workspace: Path, device: str) -> RadianceField:
        """The trained scene in `folder`; raises CheckpointIncompatible when it is not there or damaged."""
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
        except (OSError, ValueError) as error:
            raise ReconstructionError("CheckpointIncompatible", "There is no finished training to load.") from error
        where = torch.device(device)
        checkpoint = load_checkpoint(folder / manifest["checkpoint"])
        bounds = Bounds.from_state(checkpoint["bounds"])
        model = self._build_model(checkpoint["settings"], bounds, where)
        model.module.load_state_dict(checkpoint["model"])
        model.restore_schedule(checkpoint["model_schedule"])
        return RadianceField(model, bounds, where)

    def _check_count(self, count: int) -> None:
        spec = self.spec
        if not spec.min_images <= count <= spec.max_images:
            raise ReconstructionError(
                "ImageCountOutOfRange",
                f"The engine {spec.name} takes {spec.min_images} to {spec.max_images} posed photos; there are {count}.",
            )


def _identity(spec: EngineSpec, training: Training, workspace: Path, split: Split) -> str:
    """Digest of what a checkpoint depends on: other photos or another seed need a new training."""
    return digest(
        {
            "engine": spec.name,
            "steps": training.steps,
            "seed": training.seed,
            "train": split.train,
            "transforms": json.loads((workspace / StageName.POSES / "transforms.json").read_text()),
        }
    )


def _bounds(scene: Scene, cameras: Sequence[Camera], pictures: Sequence[NDArray[np.uint8]]) -> Bounds:
    """Where the scene can be, from its box and the photos' masks."""
    if not scene.bounded:
        ground = ground_box(cameras, scene.points)
        return Bounds(scene.near, scene.far, _corners(ground) if ground is not None else None)
    hull = None
    if any(picture.shape[2] == 4 for picture in pictures):
        opaque = [picture[..., 3] if picture.shape[2] == 4 else np.full(picture.shape[:2], 255) for picture in pictures]
        hull = carve(cameras, opaque, scene.box)
    return Bounds(scene.near, scene.far, _corners(scene.box), hull)


def _keypoints(scene: Scene, photos: Sequence[PosedPhoto], bounds: Bounds) -> list[Keypoints]:
    """What the sparse points say about distances; of one object the visual hull says more."""
    if scene.bounded:
        return []
    return [find_keypoints(scene, photos), *([find_ground(scene, photos)] if bounds.box else [])]


def _corners(box: NDArray[np.float64]) -> Box:
    low, high = box.tolist()
    return tuple(low), tuple(high)


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
