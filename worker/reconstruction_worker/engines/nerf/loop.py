"""The training loop: checkpoints, progress, history, stopping when asked, and one retreat when training diverges."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.worker import Progress

from ...stage import StageContext, Stopped
from .checkpoints import CheckpointStore
from .model import Losses
from .trainer import Trainer

REPORT_EVERY_STEPS = 20
DIVERGED_RATE_FACTOR = 0.5


@dataclass(frozen=True)
class Measurement:
    """One line of `history.jsonl`."""

    step: int
    loss: float
    psnr: float
    """Of the batch, in decibels."""
    rate: float
    seconds: float
    """Spent in training up to this step, in this process."""
    rays_per_second: float


class History:
    """`train/history.jsonl`: how training went, one JSON object a line."""

    def __init__(self, file: Path, first_step: int):
        """Lines after `first_step` were written by a process that was killed before its next checkpoint."""
        self.file = file
        lines = file.read_text().splitlines() if file.exists() else []
        kept = [line for line in lines if _step_of(line) <= first_step]
        file.write_text("".join(f"{line}\n" for line in kept))

    def add(self, measurement: Measurement) -> None:
        line = {
            "step": measurement.step,
            "loss": round(measurement.loss, 6),
            "psnr": round(measurement.psnr, 2),
            "lr": measurement.rate,
            "seconds": round(measurement.seconds, 2),
            "raysPerSecond": round(measurement.rays_per_second),
        }
        with self.file.open("a") as stream:
            stream.write(json.dumps(line) + "\n")


class TrainingLoop:
    """Runs a trainer to its last step.

    `constants` are stored in each checkpoint: what it belongs to and how it was set up.
    """

    def __init__(self, context: StageContext, trainer: Trainer, store: CheckpointStore, constants: dict[str, Any]):
        self.context = context
        self.trainer = trainer
        self.store = store
        self.constants = constants
        self.started = time.monotonic()

    def run(self) -> None:
        """Train until done. Raises Stopped (after a checkpoint) and TrainingDiverged."""
        trainer, total = self.trainer, self.trainer.schedule.steps
        if trainer.step == 0:
            self._save()
        history = History(self.context.folder / "history.jsonl", trainer.step)
        self.started = time.monotonic()
        window_start, window_time = trainer.step, self.started
        while trainer.step < total:
            losses = trainer.train_step()
            stopping = self.context.stop_requested()
            saving = trainer.step % self.context.spec.training.checkpoint_every_steps == 0
            ending = trainer.step == total
            measured = trainer.step % REPORT_EVERY_STEPS == 0
            if not (stopping or saving or ending or measured):
                continue
            if not math.isfinite(float(losses.total)) or ((saving or stopping or ending) and not trainer.is_finite()):
                self._retreat()
                window_start, window_time = trainer.step, time.monotonic()
                continue
            if measured or ending:
                seconds_a_step = (time.monotonic() - window_time) / (trainer.step - window_start)
                measurement = self._measure(losses, seconds_a_step)
                history.add(measurement)
                self._report(measurement, seconds_a_step)
                window_start, window_time = trainer.step, time.monotonic()
            if saving or stopping or ending:
                self._save()
            if stopping and not ending:
                raise Stopped(f"training stopped after step {trainer.step} of {total}; it continues from there")

    def _save(self) -> None:
        self.store.save(self.trainer.step, {**self.trainer.state(), **self.constants})

    def _retreat(self) -> None:
        """Go back to the last checkpoint with a lower rate; once."""
        step = self.trainer.step
        checkpoint = self.store.load_latest()
        if checkpoint is None or checkpoint["rate_factor"] != 1.0 or self.trainer.rate_factor != 1.0:
            raise ReconstructionError(
                "TrainingDiverged",
                f"Training gave values that are not finite at step {step}, also with a lower learning rate.",
                details={"step": step},
            )
        self.trainer.restore(checkpoint)
        self.trainer.rate_factor = DIVERGED_RATE_FACTOR

    def _measure(self, losses: Losses, seconds_a_step: float) -> Measurement:
        error = max(float(losses.mean_square_error), 1e-10)
        return Measurement(
            step=self.trainer.step,
            loss=float(losses.total),
            psnr=-10 * math.log10(error),
            rate=self.trainer.rate,
            seconds=time.monotonic() - self.started,
            rays_per_second=self.trainer.schedule.rays_per_step / max(seconds_a_step, 1e-9),
        )

    def _report(self, measurement: Measurement, seconds_a_step: float) -> None:
        total = self.trainer.schedule.steps
        self.context.report(
            Progress(
                stage=self.context.name,
                percent=100 * measurement.step / total,
                step=measurement.step,
                total_steps=total,
                eta_seconds=(total - measurement.step) * seconds_a_step,
                loss=measurement.loss,
                psnr=measurement.psnr,
                rays_per_second=measurement.rays_per_second,
                memory_bytes=psutil.Process().memory_info().rss,
                gpu_memory_bytes=torch.cuda.max_memory_allocated() if self.trainer.device.type == "cuda" else None,
            )
        )


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # a line cut short by a kill
