"""`ReconstructionJob.spec`: what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Final

from pydantic import Field

from .base import MAX_SECONDS, ApiModel, DNSLabel, DNSSubdomain
from .destination import Destination
from .engines import CPU_ONLY, NEED_DEPTH, NEED_POSES
from .exports import EXPORT_RULES, MAX_EXPORTS, Audience, Export, Report
from .formats import ExportFormat
from .images import DepthPolicy, Images
from .lifecycle import Cancellation, EndStage, PauseStage, Redo, Retention
from .mesh import Mesh
from .notifications import Notification
from .poses import PoseMethod, Poses
from .quality import Quality
from .rules import KeyedBy, Rule, is_untouched, named_once, untouched
from .source import Reuse, Source
from .stage_table import STAGES, ending_with, listed
from .training import MIN_TIME_BUDGET_SECONDS, DepthFusion, Device, Training
from .turntable import Turntable

BUILT_IN_ENGINE: Final = "nerfacto"
"""What an unset `engine` stands for where no profile says otherwise. It may change with a release: each job keeps what
it was accepted with."""
MOST_ENGINES: Final = 4
"""That one job may compare."""


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
    """The bar for held-out views. Below it is also what is made of photos that are all blurred: it shows these well,
    whatever it lacks."""
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
