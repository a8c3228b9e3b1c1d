"""`spec.training`: how engines are trained."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field

from .base import MAX_SECONDS, ApiModel
from .rules import Rule


class Device(StrEnum):
    AUTO = "Auto"
    CUDA = "CUDA"
    CPU = "CPU"


class TrainingPreset(StrEnum):
    PRODUCTION = "Production"
    DEVELOPMENT = "Development"


PRESET_STEPS: Final = {
    TrainingPreset.PRODUCTION: (30_000, 6000),
    TrainingPreset.DEVELOPMENT: (3000, 1000),
}
"""Steps of a training that names none: on a GPU, and on a CPU."""

MAX_STEPS: Final = 1_000_000

BUILT_IN_PRESET: Final = TrainingPreset.PRODUCTION
"""What an unset `preset` stands for where no profile says otherwise. It may change with a release: each job keeps what
it was accepted with."""
MIN_TIME_BUDGET_SECONDS: Final = 10


class Precision(StrEnum):
    FULL = "Full"
    HALF = "Half"


class HoldOut(StrEnum):
    AUTO = "Auto"
    NONE = "None"


class DepthFusion(StrEnum):
    AUTO = "Auto"
    NEVER = "Never"


class Training(ApiModel):
    """How the engine is trained."""

    rules: ClassVar = (
        Rule(
            "earlyStopping looks at held-out views; set holdOut to Auto",
            cel="!self.earlyStopping || self.holdOut != 'None'",
            holds=lambda training: not training.early_stopping or training.hold_out is not HoldOut.NONE,
            field="earlyStopping",
        ),
    )

    preset: TrainingPreset | None = None
    """`Production` for results to deliver; `Development` for a first look on small hardware: a smaller model and, where
    `steps` is unset, fewer steps. When unset, what the profile's `defaults` say, else `Production`."""
    steps: int | None = Field(default=None, ge=1, le=MAX_STEPS)
    """Optimisation steps. When unset along with `preset`, what the profile's `defaults` say; else 30000 on a GPU and
    6000 on a CPU, with preset `Development` 3000 and 1000."""
    time_budget_seconds: int | None = Field(default=None, ge=MIN_TIME_BUDGET_SECONDS, le=MAX_SECONDS)
    """How long training should take at most: once the speed on this hardware is known, as many steps are planned as fit
    (never more than `steps`), and the learning rate falls over those. A plan, not a deadline. Several `engines` share
    it in equal parts. When unset, what the profile's `defaults` say, else no limit."""
    early_stopping: bool = False
    """Training ends when the held-out views have levelled off (no gain of 0.05 dB in five looks, about thirty of which
    are spread over a training), and the state that showed them best becomes the result."""
    hold_out: HoldOut = HoldOut.AUTO
    """Which photos are kept from the training to judge its result by. `Auto`: those that the provided poses name for
    it, else one in ten; none of fewer than five photos, nor of six `CanonicalViews`, each of which is the only one of
    its side. `None`: none, all are trained on. Without held-out photos there is no PSNR or SSIM, and the verdict is
    `warn`."""
    depth_fusion: DepthFusion | None = None
    """`Auto` leaves the training out where all photos of an object have depth maps and these agree: engine
    `depth-fusion` then makes the surface of the maps, in seconds, and the train stage says which and why. `Never`
    trains. When unset, `Never` in jobs that name an engine; in others what the profile's `defaults` say, else `Auto`
    where they name no engine either and the profile offers `depth-fusion`. It is looked at when training begins."""
    device: Device = Device.AUTO
    """`CUDA` fails where no GPU is found, `CPU` never asks for one, `Auto` takes a GPU when the profile offers one."""
    rays_per_step: int | None = Field(default=None, ge=256, le=1_048_576)
    """Camera rays of one step; chosen by device and preset when unset. Engines that train on whole photos (splats,
    splatfacto) do not use it."""
    gradient_accumulation: int = Field(default=1, ge=1, le=64)
    """A step is computed in so many parts whose gradients are added up: the same step in less memory, a little slower.
    More parts are taken where memory demands it. splats and splatfacto take so many photos for each step."""
    checkpoint_every_steps: int = Field(default=1000, ge=10, le=100_000)
    """A checkpoint is written after this many steps and when the pod is asked to stop; with early stopping also
    whenever the held-out views look better than before."""
    keep_checkpoints: int = Field(default=2, ge=1, le=100)
    """How many of the latest checkpoints stay in the workspace, beside the one that shows the held-out views best."""
    result_precision: Precision = Precision.FULL
    """`Half` leaves of a training that has ended only what the later stages need, in half precision: one file of about
    a fifth of a checkpoint's size; the checkpoints are removed. It is looked at when training ends: a change afterwards
    does nothing before it is trained again (`redo.train`)."""
    seed: int = Field(default=42, ge=0, le=2**31 - 1)
    """Seed of every random choice in training."""

    @property
    def chosen_preset(self) -> TrainingPreset:
        """The preset, where neither the job nor a profile names one too."""
        return self.preset or BUILT_IN_PRESET

    def planned_steps(self, *, on_gpu: bool) -> int:
        """How long to train on a device, in steps."""
        return self.steps or PRESET_STEPS[self.chosen_preset][0 if on_gpu else 1]
