"""The training loop: looks at the held-out views, checkpoints, progress, history, an early end where nothing is gained
any more, stopping when asked, and one retreat when training diverges."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.worker import Progress, Trend

from ...quality.metrics import decibels
from ...stage import StageContext, Stopped
from .checkpoint_store import CheckpointStore
from .held_out_views import HeldOutViews, Look, steps_between_looks
from .history import FILE as HISTORY_FILE
from .history import History, Measurement
from .levelling import Levelling
from .live_view import LiveView
from .losses import Losses
from .system import SystemSampler
from .time_plan import TimePlan
from .trainer import Trainer

REPORT_EVERY_STEPS = 20
DIVERGED_RATE_FACTOR = 0.5


@dataclass
class _Window:
    """Since when speed is measured."""

    step: int
    time: float


class TrainingLoop:
    """Runs a trainer to its last step.

    `constants` are stored in each checkpoint: what it belongs to and how it was set up. `views` are looked at now and
    then; without any, training can't level off. `live` is for people who look on.
    """

    def __init__(
        self,
        context: StageContext,
        trainer: Trainer,
        store: CheckpointStore,
        views: HeldOutViews,
        constants: dict[str, Any],
        live: LiveView | None = None,
    ):
        self.context = context
        self.trainer = trainer
        self.store = store
        self.views = views
        self.constants = constants
        self.live = live
        self.levelling = Levelling()
        self.plan = TimePlan(context.spec.training.time_budget_seconds)
        self.planned = self.plan.budget is None
        self.wanted = trainer.schedule.steps
        self.spent_before = 0.0
        """Seconds of training in earlier processes, up to the checkpoint that this one began with."""
        self.started = time.monotonic()
        self.system = SystemSampler(context.workspace, trainer.device)
        self.last_look: Look | None = None

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.trainer.restore(checkpoint)
        self._restore_own(checkpoint)

    @property
    def is_done(self) -> bool:
        """At the last step, or levelled off where that is to end the training."""
        levelled_off = self.levelling.trend is Trend.LEVELLED_OFF
        return self.trainer.step >= self.total or (self.context.spec.training.early_stopping and levelled_off)

    @property
    def total(self) -> int:
        return self.trainer.schedule.steps

    @property
    def result_step(self) -> int:
        """Of the checkpoint that is the result."""
        best = self.levelling.best_step
        return best if self.context.spec.training.early_stopping and best is not None else self.trainer.step

    def run(self) -> None:
        """Train until done. Raises Stopped (after a checkpoint) and TrainingDiverged."""
        trainer = self.trainer
        if trainer.step == 0:
            self._save()
        history = self._history()
        self.started = time.monotonic()
        window = _Window(trainer.step, self.started)
        look_every = steps_between_looks(self.total, REPORT_EVERY_STEPS)
        while not self.is_done:
            losses = trainer.train_step()
            self._plan()
            stopping = self.context.stop_requested()
            ending = trainer.step >= self.total
            looking = len(self.views) > 0 and (ending or trainer.step % look_every == 0)
            regular = ending or trainer.step % self.context.spec.training.checkpoint_every_steps == 0
            saving = stopping or regular
            measuring = looking or ending or trainer.step % REPORT_EVERY_STEPS == 0
            if not (saving or measuring):
                continue
            if not math.isfinite(float(losses.total)) or ((saving or looking) and not trainer.is_finite()):
                self._retreat()
                history = self._history()
                window = _Window(trainer.step, time.monotonic())
                continue
            better = False
            if measuring:
                seconds_a_step = (time.monotonic() - window.time) / max(1, trainer.step - window.step)
                look = self._look() if looking else None
                # Where the best state may become the result, it is worth a checkpoint of its own.
                kept = regular or self.context.spec.training.early_stopping
                better = look is not None and self.levelling.add(trainer.step, look.psnr, kept=kept)
                measurement = self._measure(losses, seconds_a_step, look)
                history.add(measurement)
                self._report(measurement, seconds_a_step)
                window = _Window(trainer.step, time.monotonic())
            if saving or better or self.is_done:
                self._save()
            if self.live is not None and self.live.is_due():
                self.live.take(trainer.looking)
            if stopping and not self.is_done:
                raise Stopped(f"training stopped after step {trainer.step} of {self.total}; it continues from there")

    @property
    def spent(self) -> float:
        """Seconds of training so far, in all processes."""
        return self.spent_before + time.monotonic() - self.started

    def _history(self) -> History:
        return History(self.context.folder / HISTORY_FILE, self.trainer.step)

    def _plan(self) -> None:
        if self.plan.budget is None:
            return
        trainer, planned = self.trainer, self.total if self.planned else None
        steps = self.plan.steps(trainer.step, self.spent, self.wanted, trainer.slower_later, planned)
        if steps is not None:
            trainer.schedule = trainer.schedule.ending_at(steps, trainer.step)
            self.planned = True

    def _look(self) -> Look:
        with self.trainer.looking() as field:
            self.last_look = self.views.look(field)
        return self.last_look

    def _save(self) -> None:
        own = {"levelling": self.levelling.state(), "planned": self.planned, "seconds": self._seconds()}
        state = {**self.trainer.state(), **self.constants, **own}
        self.store.save(self.trainer.step, state, best=self.levelling.best_step)

    def _seconds(self) -> float:
        return self.spent if self.trainer.step else 0.0

    def _restore_own(self, checkpoint: dict[str, Any]) -> None:
        self.levelling = Levelling(**checkpoint["levelling"])
        if self.levelling.best_step is not None and not self.store.has(self.levelling.best_step):
            # Only where checkpoints were damaged: the best one is gone, the next look starts over.
            self.levelling = Levelling()
        self.plan, self.planned = TimePlan(self.plan.budget), checkpoint["planned"]
        self.spent_before = checkpoint["seconds"]

    def _retreat(self) -> None:
        """Go back to the last checkpoint with a lower rate; once."""
        step = self.trainer.step
        checkpoint = self.store.load_latest()
        if checkpoint is None or checkpoint["rate_factor"] != 1.0 or self.trainer.rate_factor != 1.0:
            raise ReconstructionError(
                "TrainingDiverged",
                f"Training produced NaN or infinite values at step {step}, also with a lower learning rate.",
                details={"step": step},
            )
        spent_before = self.spent_before
        self.restore(checkpoint)
        self.spent_before = spent_before  # what was done in vain took its time as well
        self.trainer.rate_factor = DIVERGED_RATE_FACTOR

    def _measure(self, losses: Losses, seconds_a_step: float, look: Look | None) -> Measurement:
        steps_per_second = 1 / max(seconds_a_step, 1e-9)
        return Measurement(
            step=self.trainer.step,
            loss=float(losses.total),
            psnr=decibels(float(losses.mean_square_error)),
            rate=self.trainer.rate,
            seconds=self.spent,
            steps_per_second=steps_per_second,
            rays_per_second=self.trainer.schedule.rays_per_step * steps_per_second,
            held_out=look,
        )

    def _report(self, measurement: Measurement, seconds_a_step: float) -> None:
        seen, system = self.last_look, self.system.sample()
        self.context.report(
            Progress(
                stage=self.context.name,
                percent=100 * measurement.step / self.total,
                step=measurement.step,
                total_steps=self.total,
                eta_seconds=(self.total - measurement.step) * seconds_a_step,
                loss=measurement.loss,
                psnr=measurement.psnr,
                held_out_psnr=seen.psnr if seen else None,
                held_out_ssim=seen.ssim if seen else None,
                held_out_lpips=seen.lpips if seen else None,
                trend=self.levelling.trend,
                steps_per_second=measurement.steps_per_second,
                rays_per_second=measurement.rays_per_second,
                memory_bytes=system.memory_bytes,
                cpu_percent=system.cpu_percent,
                gpu_memory_bytes=system.gpu_memory_bytes,
                gpu_percent=system.gpu_percent,
                disk_free_bytes=system.disk_free_bytes,
            )
        )
