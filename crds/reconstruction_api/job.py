"""`ReconstructionJob.spec`: what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, ClassVar, Final, NamedTuple

from pydantic import Field

from .base import ApiModel, DecimalString, DNSLabel, DNSSubdomain
from .destination import Destination
from .engines import CPU_ONLY, NEED_DEPTH, NEED_POSES
from .exports import EXPORT_RULES, MAX_EXPORTS, Audience, Export, Report
from .formats import ExportFormat
from .lifecycle import Cancellation, EndStage, PauseStage, Redo, Retention
from .mesh import Mesh
from .notifications import Notification
from .poses import PoseMethod, Poses
from .rules import KeyedBy, Rule, is_untouched, named_once, untouched
from .source import Reuse, Source
from .stage_table import STAGES, ending_with, listed
from .turntable import Turntable


class MaskPolicy(StrEnum):
    AUTO = "Auto"
    ALPHA = "Alpha"
    FOLDER = "Folder"
    BACKGROUND = "Background"
    NONE = "None"


class DepthPolicy(StrEnum):
    AUTO = "Auto"
    REQUIRED = "Required"
    NONE = "None"


class Images(ApiModel):
    """How photos are prepared."""

    max_side_pixels: int = Field(default=1600, ge=64, le=8192)
    """Photos with a longer side are scaled down to this many pixels for the training. Their cameras are estimated from
    up to 1600 pixels all the same."""
    video_frames: int = Field(default=120, ge=2, le=2000)
    """So many frames of a video become photos: evenly spread over it, and of neighbours the sharpest."""
    masks: MaskPolicy = MaskPolicy.AUTO
    """What separates the object from its background: `Alpha` uses the photos' alpha channel, `Folder` a folder `masks`
    beside the photos (white is the object), `Background` makes masks of photos whose background is of one colour, such
    as black cloth or white paper, `None` nothing. `Auto` uses whichever is there, else `Background` where the borders
    of most photos are of one colour."""
    depth: DepthPolicy = DepthPolicy.AUTO
    """Depth maps in a folder `depth` beside the photos, which the training is held to: `Auto` uses those that are there
    and fit, `Required` fails with DepthInvalid where a photo has none that does, `None` uses none. A map is a PNG or
    TIFF of 16 bits, or floating-point numbers (TIFF, `.npy`) in metres, along the camera's axis; 0 is unknown."""
    depth_unit_micrometres: int | None = Field(default=None, ge=1, le=1_000_000)
    """What 1 means in a depth map of whole numbers: 1000, a millimetre, unless set. Where it is set, and GPS gives no
    scale, the result is in metres."""


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
MAX_SECONDS: Final = 31_536_000
"""A year."""

BUILT_IN_ENGINE: Final = "nerfacto"
"""What an unset `engine` stands for, and below the same for other fields, where no profile says otherwise. They may
change with a release: each job keeps what it was accepted with."""
BUILT_IN_PRESET: Final = TrainingPreset.PRODUCTION
MOST_ENGINES: Final = 4
"""That one job may compare."""
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


class QualityAction(StrEnum):
    FAIL = "Fail"
    WARN = "Warn"


class QualityBar(NamedTuple):
    """The bar with every value known; decimals as text."""

    min_psnr: str
    min_ssim: str
    warn_psnr: str
    warn_ssim: str
    on_failure: QualityAction


BUILT_IN_BAR: Final = QualityBar("25", "0.85", "20", "0.75", QualityAction.WARN)


def _at_most(lower: str, upper: str) -> bool:
    return float(lower) <= float(upper)


def _or_usual(name: str, usual: str) -> str:
    """CEL: the number, or what is built in. A profile that says otherwise is not known to the API server."""
    return f"(has(self.{name}) ? double(self.{name}) : {float(usual)})"


class Quality(ApiModel):
    """The bar for what the job delivers, shown from where held-out photos were taken: pass at the minimum, warn at the
    warning level, otherwise fail. A mesh is judged where it has a surface, with a texture made without those photos;
    where Gaussians are delivered, the trained scene in whole pictures; both where both are. What is unset is as the
    profile's `defaults` say, else as each field says."""

    rules: ClassVar = (
        Rule(
            "warnPSNR must not exceed minPSNR",
            cel=f"{_or_usual('warnPSNR', BUILT_IN_BAR.warn_psnr)} <= {_or_usual('minPSNR', BUILT_IN_BAR.min_psnr)}",
            holds=lambda quality: _at_most(
                quality.warn_psnr or BUILT_IN_BAR.warn_psnr, quality.min_psnr or BUILT_IN_BAR.min_psnr
            ),
            field="warnPSNR",
        ),
        Rule(
            "warnSSIM must not exceed minSSIM",
            cel=f"{_or_usual('warnSSIM', BUILT_IN_BAR.warn_ssim)} <= {_or_usual('minSSIM', BUILT_IN_BAR.min_ssim)}",
            holds=lambda quality: _at_most(
                quality.warn_ssim or BUILT_IN_BAR.warn_ssim, quality.min_ssim or BUILT_IN_BAR.min_ssim
            ),
            field="warnSSIM",
        ),
        Rule(
            "minSSIM must lie between 0 and 1",
            cel="!has(self.minSSIM) || (double(self.minSSIM) >= 0.0 && double(self.minSSIM) <= 1.0)",
            holds=lambda quality: quality.min_ssim is None or 0 <= float(quality.min_ssim) <= 1,
            field="minSSIM",
        ),
    )

    min_psnr: DecimalString | None = Field(default=None, alias="minPSNR")
    """Peak signal-to-noise ratio in decibels at which the result passes; 25 by default."""
    min_ssim: DecimalString | None = Field(default=None, alias="minSSIM")
    """Structural similarity (0 to 1) at which the result passes; 0.85 by default."""
    warn_psnr: DecimalString | None = Field(default=None, alias="warnPSNR")
    """Peak signal-to-noise ratio in decibels at which the result still counts, with a warning; 20 by default."""
    warn_ssim: DecimalString | None = Field(default=None, alias="warnSSIM")
    """Structural similarity (0 to 1) at which the result still counts, with a warning; 0.75 by default."""
    on_failure: QualityAction | None = None
    """`Fail` ends the job with QualityBelowThreshold; `Warn`, by default, delivers all the same and says so."""

    @property
    def bar(self) -> QualityBar:
        """What held-out views are judged by, where neither the job nor a profile names a value too."""
        usual = BUILT_IN_BAR
        return QualityBar(
            self.min_psnr or usual.min_psnr,
            self.min_ssim or usual.min_ssim,
            self.warn_psnr or usual.warn_psnr,
            self.warn_ssim or usual.warn_ssim,
            self.on_failure or usual.on_failure,
        )


class RetryPolicy(ApiModel):
    """What happens after a failure that may pass."""

    max_attempts: int = Field(default=4, ge=1, le=20)
    """Attempts per resource class, the first included. Preemption is not counted."""
    backoff_seconds: int = Field(default=10, ge=0, le=3600)
    """Wait before the second attempt; doubled for each one after it, at most ten minutes."""


def _named(engines: tuple[str, ...]) -> str:
    return " and ".join(engines) if len(engines) < 3 else f"{', '.join(engines[:-1])} and {engines[-1]}"


def _some_of(engines: tuple[str, ...]) -> str:
    """CEL: an engine that the job names is one of these."""
    these = f"[{', '.join(repr(each) for each in engines)}]"
    return (
        f"(has(self.engine) && self.engine in {these}) || "
        f"(has(self.engines) && self.engines.exists(each, each in {these}))"
    )


def _only(engines: tuple[str, ...]) -> str:
    """CEL: all engines that the job names are among these."""
    these = f"[{', '.join(repr(each) for each in engines)}]"
    return (
        f"(has(self.engine) && self.engine in {these}) || "
        f"(has(self.engines) && self.engines.all(each, each in {these}))"
    )


_ENDINGS: Final = {
    EndStage(stage.name.in_spec): tuple(
        PauseStage(each.name.in_spec) for each in ending_with(stage.name) if each.can_pause_after
    )
    for stage in STAGES
    if stage.can_end_job
}
"""Where a job may pause that ends after a stage."""


def _pause_before(last: EndStage) -> Rule:
    allowed = _ENDINGS[last]
    return Rule(
        f"pauseAfter names a stage that the job does not run: with endAfter {last} it may be {listed(allowed)}",
        cel=f"!has(self.endAfter) || self.endAfter != '{last}' || !has(self.pauseAfter) || "
        f"self.pauseAfter in [{', '.join(repr(each.value) for each in allowed)}]",
        holds=lambda spec: spec.end_after is not last or spec.pause_after in (None, *allowed),
        field="pauseAfter",
    )


def _reuses(spec: ReconstructionJobSpec, *allowed: Reuse | None) -> bool:
    """Whether what the job takes over from another one is among these; None stands for nothing."""
    return (spec.source.job_ref.reuse if spec.source.job_ref is not None else None) in allowed


def _taken_as_it_is(name: str) -> Callable[[ReconstructionJobSpec], bool]:
    return lambda spec: not _reuses(spec, Reuse.MODEL) or is_untouched(name, getattr(spec, name))


class ReconstructionJobSpec(ApiModel):
    """What is wanted: photos in, 3D assets out."""

    rules: ClassVar = (
        Rule(
            "SpecImmutable: spec.source can't change after creation; create another job for other photos",
            cel="self.source == oldSelf.source",
            field="source",
        ),
        Rule(
            "SpecImmutable: spec.engine can't change after creation; create another job with the other engine",
            cel="!has(self.engine) || !has(oldSelf.engine) || self.engine == oldSelf.engine",
            field="engine",
        ),
        Rule(
            "SpecImmutable: spec.engines can't change after creation; create another job with the other engines",
            cel="has(self.engines) == has(oldSelf.engines) && (!has(self.engines) || self.engines == oldSelf.engines)",
            field="engines",
        ),
        Rule(
            "engine and engines exclude each other: name one engine in engine, or several in engines",
            cel="!has(self.engine) || !has(self.engines)",
            holds=lambda spec: spec.engine is None or spec.engines is None,
            field="engines",
        ),
        named_once("engines", "engines names each engine only once"),
        Rule(
            "training.depthFusion Auto puts depth-fusion in the place of one engine; with engines, name depth-fusion "
            "as one of them",
            cel="!has(self.engines) || !has(self.training.depthFusion) || self.training.depthFusion != 'Auto'",
            holds=lambda spec: spec.engines is None or spec.training.depth_fusion is not DepthFusion.AUTO,
            field="training",
        ),
        Rule(
            "source.jobRef.reuse Training and Model take over what one engine has trained, which only that engine can "
            "read; name it in engine, or reuse the poses",
            cel="!has(self.engines) || !has(self.source.jobRef) || "
            "!(self.source.jobRef.reuse in ['Training', 'Model'])",
            holds=lambda spec: spec.engines is None or _reuses(spec, None, Reuse.PHOTOS, Reuse.POSES),
            field="engines",
        ),
        Rule(
            "SpecImmutable: spec.operatorClass can't change after creation; create another job of the other class",
            cel="has(self.operatorClass) == has(oldSelf.operatorClass) && "
            "(!has(self.operatorClass) || self.operatorClass == oldSelf.operatorClass)",
            field="operatorClass",
        ),
        Rule(
            "softDeadlineSeconds must be shorter than activeDeadlineSeconds: it stops the job while there is time left",
            cel="!has(self.softDeadlineSeconds) || !has(self.activeDeadlineSeconds) || "
            "self.softDeadlineSeconds < self.activeDeadlineSeconds",
            holds=lambda spec: (
                spec.soft_deadline_seconds is None
                or spec.active_deadline_seconds is None
                or spec.soft_deadline_seconds < spec.active_deadline_seconds
            ),
            field="softDeadlineSeconds",
        ),
        Rule(
            "images has no effect with source.jobRef: the photos are taken as the other job has prepared them; leave "
            "the field out",
            cel=f"!has(self.source.jobRef) || ({untouched('images', Images)})",
            holds=lambda spec: spec.source.job_ref is None or is_untouched("images", spec.images),
            field="images",
        ),
        Rule(
            "poses has no effect with source.jobRef, unless reuse is Photos; leave the field out",
            cel=f"!has(self.source.jobRef) || self.source.jobRef.reuse == 'Photos' || ({untouched('poses', Poses)})",
            holds=lambda spec: _reuses(spec, None, Reuse.PHOTOS) or is_untouched("poses", spec.poses),
            field="poses",
        ),
        Rule(
            "training has no effect where source.jobRef.reuse is Training or Model, but for training.device; leave the "
            "rest out",
            cel="!has(self.source.jobRef) || !(self.source.jobRef.reuse in ['Training', 'Model']) || "
            f"({untouched('training', Training, but='device')})",
            holds=lambda spec: (
                _reuses(spec, None, Reuse.PHOTOS, Reuse.POSES) or is_untouched("training", spec.training, but="device")
            ),
            field="training",
        ),
        *(
            Rule(
                f"{name} has no effect where source.jobRef.reuse is Model: the other job's model is taken as it is; "
                "leave the field out",
                cel=f"!has(self.source.jobRef) || self.source.jobRef.reuse != 'Model' || ({untouched(name, part)})",
                holds=_taken_as_it_is(name),
                field=name,
            )
            for name, part in (("mesh", Mesh), ("quality", Quality))
        ),
        Rule(
            f"poses.method None is for engines that need no camera poses; {_named(NEED_POSES)} need them",
            cel=f"self.poses.method != 'None' || !({_some_of(NEED_POSES)})",
            holds=lambda spec: spec.poses.method is not PoseMethod.NONE or not {*spec.named_engines} & {*NEED_POSES},
            field="poses",
        ),
        Rule(
            f"images.depth None leaves out the depth maps that {_named(NEED_DEPTH)} is made for; leave the field out, "
            "or choose splats or nerfacto",
            cel=f"self.images.depth != 'None' || !({_some_of(NEED_DEPTH)})",
            holds=lambda spec: spec.images.depth is not DepthPolicy.NONE or not {*spec.named_engines} & {*NEED_DEPTH},
            field="images",
        ),
        Rule(
            f"training.device CUDA is for engines that use a GPU, such as splats and nerfacto; {_named(CPU_ONLY)} has "
            "no use for one",
            cel=f"self.training.device != 'CUDA' || !({_only(CPU_ONLY)})",
            holds=lambda spec: (
                spec.training.device is not Device.CUDA
                or not spec.named_engines
                or not {*spec.named_engines} <= {*CPU_ONLY}
            ),
            field="training",
        ),
        Rule(
            "endAfter Poses has nothing to deliver where poses.method is None",
            cel="!has(self.endAfter) || self.poses.method != 'None'",
            holds=lambda spec: spec.end_after is None or spec.poses.method is not PoseMethod.NONE,
            field="endAfter",
        ),
        *EXPORT_RULES,
        Rule(
            "turntable shows a model, which endAfter Poses leaves out",
            cel="!has(self.endAfter) || !has(self.turntable)",
            holds=lambda spec: spec.end_after is None or spec.turntable is None,
            field="turntable",
        ),
        Rule(
            "report.audience Public has nothing to show with endAfter Poses: the result is the photos and their places",
            cel="!has(self.endAfter) || !has(self.report) || !has(self.report.audience) || "
            f"self.report.audience != '{Audience.PUBLIC}'",
            holds=lambda spec: (
                spec.end_after is None or spec.report is None or spec.report.audience is not Audience.PUBLIC
            ),
            field="report",
        ),
        *map(_pause_before, _ENDINGS),
        Rule(
            "endAfter Poses would leave nothing of the training that source.jobRef.reuse takes over",
            cel="!has(self.endAfter) || !has(self.source.jobRef) || "
            "!(self.source.jobRef.reuse in ['Training', 'Model'])",
            holds=lambda spec: spec.end_after is None or _reuses(spec, None, Reuse.PHOTOS, Reuse.POSES),
            field="endAfter",
        ),
    )

    operator_class: DNSLabel | None = None
    """Class of the operators that may act on the job (chart value `operatorClass`); when unset, those without a class.
    A job of a class that no operator has stays without a status. Immutable."""
    profile_name: DNSSubdomain = "default"
    """ReconstructionProfile of the namespace or, when there is none of that name, ClusterReconstructionProfile."""
    queue_name: DNSSubdomain | None = None
    """Kueue's LocalQueue in the job's namespace through which its pods are admitted, one that the profile offers; the
    profile's first when unset."""
    priority_class_name: DNSSubdomain | None = None
    """PriorityClass of the pods, one that the profile offers. It also decides whose turn it is while the number of jobs
    is limited."""
    source: Source
    """The photos, or the job whose results this one starts from. Immutable."""
    images: Images = Field(default_factory=Images)
    """How photos are prepared."""
    poses: Poses = Field(default_factory=Poses)
    """Where camera poses come from."""
    engine: DNSLabel | None = None
    """The method that learns the scene; the profile says which ones there are. When unset along with `engines`, what
    the profile's `defaults` say, else `nerfacto`; `status.engine` says which it is. A job keeps its engine: once it was
    chosen, only the same one can be named."""
    engines: list[DNSLabel] | None = Field(default=None, min_length=2, max_length=MOST_ENGINES)
    """Several methods in place of one `engine`, each with the same photos and camera poses, one after the other in one
    pod. The one with the best verdict, and among those the best pictures of held-out views, is the job's result; of
    equals, and where nothing was held out, the one named first. The files of each are in the folder `engines/NAME` of
    the artifacts, and the report compares them. One that fails leaves the others their results; the job fails where
    all do. The profile must offer them with one image. Immutable."""
    training: Training = Field(default_factory=Training)
    """How the engine is trained."""
    mesh: Mesh = Field(default_factory=Mesh)
    """The surface made from the trained field."""
    exports: list[Export] = Field(
        default_factory=lambda: [Export(format=ExportFormat.GLB)], min_length=1, max_length=MAX_EXPORTS
    )
    """Files to deliver, each entry with a name of its own."""
    turntable: Turntable | None = None
    """Pictures of the result from all sides: frames, an animation, a contact sheet, films. May be set, or changed,
    after the job has ended: then only they are made."""
    report: Report | None = None
    """What the report shows; when unset, everything."""
    bundle: bool = False
    """Also deliver `bundle.zip`: all files of the results in one archive."""
    destination: Destination | None = None
    """Where the results are published besides the job's volume. May be set, or changed, after the job has ended: then
    nothing else runs again."""
    quality: Quality = Field(default_factory=Quality)
    """The bar for held-out views."""
    suspend: bool = False
    """`true` writes a checkpoint and frees the hardware; `false` resumes where it stopped."""
    pause_after: PauseStage | None = None
    """The job pauses when this stage has completed, so that a person can look at its result. Clear the field, or name
    a later stage, and it continues; nothing is done twice."""
    end_after: EndStage | None = None
    """Last stage of a job that is to end early: `Poses` ends with the camera poses as its result (transforms.json and a
    COLMAP model), and trains nothing. Clear the field and the job continues to the end."""
    redo: Redo | None = None
    """Stages to run again although nothing else has changed."""
    cancellation: Cancellation | None = None
    """`Requested`, then within an hour `Confirmed`, stops the job for good and removes its files. Clearing the field
    before withdraws the request."""
    retry_policy: RetryPolicy = Field(default_factory=RetryPolicy)
    """What happens after a failure that may pass."""
    notifications: Annotated[list[Notification], KeyedBy("url"), Field(max_length=4)] | None = None
    """Who is notified when the job succeeds, fails, is cancelled or pauses: CloudEvents over HTTP, signed."""
    retention: Retention | None = None
    """How long the workspace and the job are kept after the end; when unset, what the profile's `defaults` say, else
    forever."""
    soft_deadline_seconds: int | None = Field(default=None, ge=1, le=MAX_SECONDS)
    """After running this long the job saves a checkpoint, frees its hardware and waits: raise or clear the field and it
    continues. Time while suspended or waiting is not counted. When unset, what the profile's `defaults` say, else no
    limit."""
    active_deadline_seconds: int | None = Field(default=None, ge=1, le=MAX_SECONDS)
    """The job fails with DeadlineExceeded after running this long; time while suspended or waiting is not counted. When
    unset, what the profile's `defaults` say, else the most that its `limits` allow."""

    @property
    def named_engines(self) -> tuple[str, ...]:
        """Those that the spec names; none where it leaves the choice to others."""
        return tuple(self.engines or ()) if self.engine is None else (self.engine,)

    @property
    def all_engines(self) -> tuple[str, ...]:
        """Those that run, where neither the job nor a profile names one too."""
        return self.named_engines or (BUILT_IN_ENGINE,)

    @property
    def chosen_engine(self) -> str:
        """The engine, where neither the job nor a profile names one too; of several the first."""
        return self.all_engines[0]

    def for_engine(self, name: str) -> ReconstructionJobSpec:
        """What one of several engines runs with: its share of the time, and everything else."""
        training, count = self.training, len(self.all_engines)
        if name in CPU_ONLY:  # the device is for the others
            training = training.model_copy(update={"device": Device.AUTO})
        if training.time_budget_seconds is not None:
            share = max(training.time_budget_seconds // count, MIN_TIME_BUDGET_SECONDS)
            training = training.model_copy(update={"time_budget_seconds": share})
        return self.model_copy(update={"engine": name, "engines": None, "training": training})

    @property
    def may_use_gpu(self) -> bool:
        """Whether training has a use for a GPU where one is offered."""
        return self.training.device is not Device.CPU and not {*self.all_engines} <= {*CPU_ONLY}
