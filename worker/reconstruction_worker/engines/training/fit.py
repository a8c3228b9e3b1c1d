"""What every trained engine does with a stage: train in its folder, resume there, load from there."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName, digest
from reconstruction_api.training import HoldOut, Precision, Training

from ...files import write_document
from ...geometry.gaussians import Gaussians
from ...geometry.rendering import Camera, Field
from ...stage import StageContext, StageOutput
from ...stage_files import TRANSFORMS
from ..base import EngineSpec
from ..engine_document import FILE as ENGINE_FILE
from ..engine_document import BestState, EngineDocument
from ..registry import suggestion_for
from .checkpoint_store import CheckpointStore, load_checkpoint
from .compact import compact
from .device import choose_device
from .extent import ground_box
from .held_out_views import HeldOutViews
from .live_view import LiveView
from .loop import TrainingLoop
from .memory_check import check_room
from .posed_photos import PosedPhoto, Scene, read_scene
from .scene_bounds import Bounds, Box
from .split import FILE as SPLIT_FILE
from .split import Split, split_of
from .trainer import Trainer
from .visual_hull import carve

Settings = dict[str, Any]
"""Plain JSON data. Has at least `steps` and `raysPerStep`; the rest is the engine's own."""


@dataclass(frozen=True)
class Setup:
    """All that a training begins with."""

    scene: Scene
    photos: Sequence[PosedPhoto]
    """Those to train on."""
    pictures: list[NDArray[np.uint8]]
    """Their pixels, [H, W, 3] or [H, W, 4]."""
    bounds: Bounds
    settings: Settings
    training: Training
    device: torch.device

    @property
    def cameras(self) -> list[Camera]:
        return [photo.camera for photo in self.photos]

    def handed_over(self) -> Iterator[NDArray[np.uint8]]:
        """The pictures one after the other, each of which goes when the next is asked for: who copies them needs no
        memory for all twice."""
        self.pictures.reverse()
        while self.pictures:
            yield self.pictures.pop()


class Method(Protocol):
    """What makes an engine: how it is set up for a scene, how it trains, and what it shows."""

    def check(self, device: torch.device) -> None:
        """Raises EngineUnavailable when its libraries can't train on that device here."""
        ...

    def settings(self, scene: Scene, bounds: Bounds, training: Training, device: torch.device) -> Settings:
        """`training` as the job has it: what it leaves unset is the method's to choose."""
        ...

    def trainer(self, setup: Setup) -> Trainer:
        """It may take the pictures out of the setup, which is for one trainer."""
        ...

    def field(self, checkpoint: dict[str, Any], device: torch.device) -> Field:
        """The scene of a checkpoint that one of its trainers has saved."""
        ...


class GaussianMethod(Method, Protocol):
    """A method that trains Gaussians."""

    def gaussians(self, checkpoint: dict[str, Any]) -> Gaussians:
        """Those of a checkpoint, in world units, without a GPU."""
        ...


class TrainableEngine:
    """An engine made of a method."""

    def __init__(self, spec: EngineSpec, method: Method):
        self.spec = spec
        self._method = method

    def fit(self, context: StageContext) -> StageOutput:
        """Train on `poses/`; leave checkpoints (or what `training.resultPrecision` makes of them), `split.json`,
        `history.jsonl` and `engine.json`."""
        started = time.monotonic()
        training = context.spec.training
        device = choose_device(training.device, self.spec)
        self._method.check(device)
        scene = read_scene(context.workspace)
        self._check_count(len(scene.photos))
        context.folder.mkdir(parents=True, exist_ok=True)
        split = split_of(scene, hold_out=training.hold_out is not HoldOut.NONE)
        store = CheckpointStore(context.folder / "checkpoints", training.keep_checkpoints)
        store.remove_leftovers()
        belongs_to = _identity(self.spec, training, context.workspace, split)
        halved = training.result_precision is Precision.HALF
        if halved and (kept := _kept_result(context.folder, store, belongs_to)) is not None:
            store.remove_checkpoints()
            message = f"{kept.trained_steps} steps, trained before"
            return _output(message, kept.step or 0, split, _device_name(device))
        checkpoint = store.load_latest()
        if checkpoint is not None and checkpoint["belongs_to"] != belongs_to:
            raise ReconstructionError("CheckpointIncompatible", "The checkpoints belong to other photos or settings.")
        write_document(context.folder / SPLIT_FILE, split)

        photos = [scene.photo(name) for name in split.train]
        check_room(photos, masked=scene.masked)
        pictures = [photo.pixels() for photo in photos]
        if checkpoint is not None:  # a training continues with what it began with, also on another machine
            bounds, settings = Bounds.from_state(checkpoint["bounds"]), checkpoint["settings"]
        else:
            bounds = _bounds(scene, [photo.camera for photo in photos], pictures)
            settings = self._method.settings(scene, bounds, training, device)
        context.report_progress(0, "setting up the training")
        _seed(training.seed)
        trainer = self._method.trainer(Setup(scene, photos, pictures, bounds, settings, training, device))
        del pictures  # the trainer has copies
        views = HeldOutViews([scene.photo(name) for name in split.held_out], settings["raysPerStep"])
        constants = {"belongs_to": belongs_to, "settings": settings, "bounds": bounds.state()}
        shown = scene.photo((split.held_out or split.train)[0]).camera
        loop = TrainingLoop(context, trainer, store, views, constants, LiveView(context.workspace, shown))
        if checkpoint is not None:
            loop.restore(checkpoint)
        resumed_at = trainer.step
        loop.run()

        result = store.file(loop.result_step)
        if halved:
            result = store.save_result(compact(load_checkpoint(result)))
        best = loop.levelling
        document = EngineDocument(
            engine=self.spec.name,
            licence=self.spec.licence,
            device=device.type,
            step=loop.result_step,
            trained_steps=trainer.step,
            checkpoint=f"checkpoints/{result.name}",
            precision=training.result_precision,
            best=BestState(step=best.best_step, held_out_psnr=round(best.best_psnr, 3)) if best.best_step else None,
            settings=settings,
        )
        write_document(context.folder / ENGINE_FILE, document)
        # What is not the result goes last: killed before that, the next process finds it and has little to do.
        if halved:
            store.remove_checkpoints()
        else:
            store.remove_result()
        message = _message(loop, device, time.monotonic() - started, resumed_at)
        return _output(message, loop.result_step, split, _device_name(device))

    def load(self, folder: Path, workspace: Path, device: str) -> Field:
        """The trained scene in `folder`; raises CheckpointIncompatible when it is not there or damaged."""
        return self._method.field(result_in(folder), torch.device(device))

    def _check_count(self, count: int) -> None:
        spec = self.spec
        if not spec.min_images <= count <= spec.max_images:
            raise ReconstructionError(
                "ImageCountOutOfRange",
                f"The engine {spec.name} takes {spec.min_images} to {spec.max_images} posed photos; there are {count}.",
                suggestion=suggestion_for(count),
            )


def result_in(folder: Path) -> dict[str, Any]:
    """The checkpoint that is the result of a training. Raises CheckpointIncompatible."""
    try:
        document = EngineDocument.read(folder / ENGINE_FILE)
    except (OSError, ValueError) as error:
        raise ReconstructionError("CheckpointIncompatible", "There is no finished training to load.") from error
    if document.checkpoint is None:
        raise ReconstructionError("CheckpointIncompatible", f"{ENGINE_FILE} names no checkpoint.")
    return load_checkpoint(folder / document.checkpoint)


def _output(message: str, step: int, split: Split, device: str) -> StageOutput:
    metrics: dict[str, str | int] = {
        Metric.STEPS: step,
        Metric.HELD_OUT_IMAGES: len(split.held_out),
        Metric.DEVICE: device,
    }
    return StageOutput(message=message, metrics=metrics)


def _kept_result(folder: Path, store: CheckpointStore, belongs_to: str) -> EngineDocument | None:
    """The document of a training that ended and left its result in half precision; None when there is no such."""
    try:
        document = EngineDocument.read(folder / ENGINE_FILE)
        if document.precision is not Precision.HALF or load_checkpoint(store.result)["belongs_to"] != belongs_to:
            return None
    except (OSError, ValueError, KeyError, ReconstructionError):
        return None
    return document


def _message(loop: TrainingLoop, device: torch.device, seconds: float, resumed_at: int) -> str:
    trainer = loop.trainer
    parts = [f"{trainer.step} steps on {_device_name(device)} in {seconds:.0f} s"]
    if trainer.step < loop.total:
        parts.append(f"ended early: the held-out views were best after step {loop.result_step}")
    if resumed_at:
        parts.append(f"resumed at step {resumed_at}")
    return ", ".join(parts)


def _identity(spec: EngineSpec, training: Training, workspace: Path, split: Split) -> str:
    """Digest of what a checkpoint depends on: other photos or another seed need a new training."""
    return digest(
        {
            "engine": spec.name,
            "preset": training.chosen_preset,
            "steps": training.steps,
            "seed": training.seed,
            "train": split.train,
            "transforms": json.loads((workspace / StageName.POSES / TRANSFORMS).read_text()),
        }
    )


def _bounds(scene: Scene, cameras: Sequence[Camera], pictures: Sequence[NDArray[np.uint8]]) -> Bounds:
    """Where the scene can be, from its box and the photos' masks."""
    if not scene.bounded:
        ground = ground_box(cameras, scene.points)
        return Bounds(scene.near, scene.far, _corners(ground) if ground is not None else None)
    masked = [
        (camera, picture[..., 3]) for camera, picture in zip(cameras, pictures, strict=True) if picture.shape[2] == 4
    ]
    hull = carve([camera for camera, _ in masked], [alpha for _, alpha in masked], scene.box) if masked else None
    return Bounds(scene.near, scene.far, _corners(scene.box), hull)


def _corners(box: NDArray[np.float64]) -> Box:
    low, high = box.tolist()
    return tuple(low), tuple(high)


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
