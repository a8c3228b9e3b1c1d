"""The stages, each declared once: everything that operator, worker, command line and documentation know of a stage
beside its code, which is the worker's module `stages.<name>`.

Nothing is imported here but the names of metrics, so that the table can be read by whatever starts quickly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from .metric_names import Metric


class ResourceClass(StrEnum):
    """Consecutive stages of one class share a child Job, so no GPU waits for work that needs none."""

    PREPARE = "prepare"
    RECONSTRUCT = "reconstruct"
    DELIVER = "deliver"


class StageName(StrEnum):
    """In running order."""

    INGEST = "ingest"
    POSES = "poses"
    TRAIN = "train"
    MESH = "mesh"
    TEXTURE = "texture"
    EVALUATE = "evaluate"
    EXPORT = "export"
    RENDER = "render"
    REPORT = "report"
    BUNDLE = "bundle"
    PUBLISH = "publish"

    @property
    def in_spec(self) -> str:
        """How fields of the spec spell it: `Ingest`."""
        return self.value.capitalize()


@dataclass(frozen=True, slots=True)
class Stage:
    """A node of the graph."""

    name: StageName
    resource_class: ResourceClass
    needs: tuple[StageName, ...]
    """Stages whose results it reads, directly; each is declared before it."""
    fields: tuple[str, ...]
    """Fields of the spec that the result depends on, each as `field` or `field.member`. `redo.<name>` belongs to them
    where the stage can be redone."""
    weight: int
    """Rough share of the whole running time, for an overall percentage."""
    code_version: int = 1
    """To be raised with every change of a stage's code that changes its files. Jobs that are accepted from then on, and
    local runs, get the new files; those that keep an earlier plan keep what they have."""
    title: str = ""
    """For people, in reports."""
    apart_from: tuple[str, ...] = ()
    """Members of `fields` that it does not depend on, each as `field.member`."""
    redo: str = ""
    """What raising `spec.redo.<name>` does: `train again from the beginning`. Empty where a stage can't be redone."""
    document: str = ""
    """File in the stage's folder that says what it found; the worker's module has its model as `DOCUMENT`."""
    metrics: tuple[Metric, ...] = ()
    """What it measures for `status.metrics`."""
    can_pause_after: bool = False
    """Whether `spec.pauseAfter` may name it; after the last one there is nothing left to hold."""
    can_end_job: bool = False
    """Whether `spec.endAfter` may name it: its result, with a report, is worth a job of its own."""
    resumes: bool = False
    """Whether it continues from what an interrupted run of the same settings left; others start with an empty
    folder."""
    wanted_by: str = ""
    """Field of the spec without which jobs do not run it; every job does where this is empty. Stages that need it do
    without where it does not run."""
    saves_on_stop: bool = False
    """Whether it has something to save when it is asked to stop; others end at once."""

    @property
    def all_fields(self) -> tuple[str, ...]:
        """The fields that the result depends on, how often it was asked for again included."""
        again = f"redo.{self.name}"
        return (*self.fields, again) if self.redo and again not in self.fields else self.fields

    def settings_in(self, document: dict[str, Any]) -> dict[str, Any]:
        """The part of a spec that the result depends on, as plain JSON data by the field's path. `document` is the spec
        as `baseline.explicit` gives it.

        Values that a field has always stood for when unset are left out there: neither a field that a later release
        adds nor a default that it changes invalidates the results of this one.
        """
        result: dict[str, Any] = {}
        for path in self.all_fields:
            value: Any = document
            for part in path.split("."):
                value = value.get(part, {})
            for member in self.apart_from:
                parent, _, name = member.rpartition(".")
                if parent == path and name in value:
                    value = {**value}
                    del value[name]
            if value != {}:
                result[path] = value
        return result


STAGES: Final[tuple[Stage, ...]] = (
    Stage(
        name=StageName.INGEST,
        title="Photos checked",
        resource_class=ResourceClass.PREPARE,
        needs=(),
        fields=("source", "images"),
        weight=3,
        code_version=5,
        redo="read the photos again",
        document="dataset.json",
        metrics=(Metric.IMAGES, Metric.DROPPED_IMAGES),
        can_pause_after=True,
        resumes=True,
    ),
    Stage(
        name=StageName.POSES,
        title="Cameras",
        resource_class=ResourceClass.PREPARE,
        needs=(StageName.INGEST,),
        fields=("poses",),
        apart_from=("poses.knownDistance",),
        weight=12,
        code_version=9,
        redo="estimate the camera poses again",
        document="registration.json",
        metrics=(Metric.IMAGES, Metric.REGISTERED_IMAGES, Metric.REPROJECTION_ERROR),
        can_pause_after=True,
        can_end_job=True,
    ),
    Stage(
        name=StageName.TRAIN,
        title="Training",
        resource_class=ResourceClass.RECONSTRUCT,
        needs=(StageName.POSES,),
        fields=(
            "engine",
            "engines",
            "training.preset",
            "training.steps",
            "training.timeBudgetSeconds",
            "training.earlyStopping",
            "training.holdOut",
            "training.device",
            "training.raysPerStep",
            "training.gradientAccumulation",
            "training.seed",
        ),
        weight=60,
        code_version=3,
        redo="train again from the beginning",
        document="engine.json",
        metrics=(Metric.STEPS, Metric.HELD_OUT_IMAGES, Metric.DEVICE),
        can_pause_after=True,
        resumes=True,
        saves_on_stop=True,
    ),
    Stage(
        name=StageName.MESH,
        title="Mesh",
        resource_class=ResourceClass.RECONSTRUCT,
        needs=(StageName.TRAIN,),
        fields=("mesh.targetFaces", "mesh.minPieceShare", "mesh.crop", "mesh.box"),
        weight=10,
        code_version=6,
        redo="extract the surface again",
        document="mesh.json",
        metrics=(Metric.VERTICES, Metric.FACES, Metric.COMPONENTS),
        can_pause_after=True,
    ),
    Stage(
        name=StageName.TEXTURE,
        title="Texture",
        resource_class=ResourceClass.RECONSTRUCT,
        needs=(StageName.MESH,),
        fields=("mesh.textureSize", "mesh.maxTexturePages", "mesh.textureSource"),
        weight=6,
        code_version=5,
        redo="bake the texture again",
        document="texture.json",
        metrics=(Metric.TEXTURE_PHOTO_PERCENT,),
        can_pause_after=True,
    ),
    Stage(
        name=StageName.EVALUATE,
        title="Evaluation",
        resource_class=ResourceClass.RECONSTRUCT,
        needs=(StageName.TRAIN, StageName.TEXTURE),
        fields=("quality",),
        weight=5,
        code_version=6,
        redo="measure the held-out views again",
        document="quality.json",
        metrics=(
            Metric.PSNR,
            Metric.SSIM,
            Metric.FLIP,
            Metric.LPIPS,
            Metric.MESH_PSNR,
            Metric.MESH_SSIM,
            Metric.MESH_COVERAGE_PERCENT,
            Metric.QUALITY_VERDICT,
            Metric.BEST_ENGINE,
        ),
        can_pause_after=True,
    ),
    Stage(
        name=StageName.EXPORT,
        title="Export",
        resource_class=ResourceClass.DELIVER,
        needs=(StageName.TEXTURE,),
        fields=("exports", "poses.knownDistance"),
        weight=2,
        code_version=3,
        redo="write the exports again",
        document="exports.json",
        can_pause_after=True,
    ),
    Stage(
        name=StageName.RENDER,
        title="Turntable",
        resource_class=ResourceClass.DELIVER,
        needs=(StageName.TEXTURE,),
        fields=("turntable",),
        weight=5,
        code_version=2,
        redo="render the turntable again",
        document="turntable.json",
        resumes=True,
        wanted_by="turntable",
    ),
    Stage(
        name=StageName.REPORT,
        title="Report",
        resource_class=ResourceClass.DELIVER,
        needs=(StageName.EVALUATE, StageName.EXPORT, StageName.RENDER),
        fields=("report", "poses.knownDistance"),
        weight=2,
        code_version=7,
        redo="write the report again",
        document="manifest.json",
    ),
    Stage(
        name=StageName.BUNDLE,
        title="Bundle",
        resource_class=ResourceClass.DELIVER,
        needs=(StageName.REPORT,),
        fields=("bundle",),
        weight=1,
        redo="pack the bundle again",
        document="bundle.json",
        wanted_by="bundle",
    ),
    Stage(
        name=StageName.PUBLISH,
        title="Published",
        resource_class=ResourceClass.DELIVER,
        needs=(StageName.REPORT, StageName.BUNDLE),
        fields=("destination",),
        weight=2,
        redo="publish again",
        document="published.json",
        resumes=True,
        wanted_by="destination",
    ),
)
"""In running order. A name that enters here needs nothing else but a module in the worker's `stages`
(docs/extending.md)."""


def without(stage: Stage, left_out: Collection[StageName]) -> Stage:
    """A stage does without what it would need of stages that do not run."""
    if not set(left_out).intersection(stage.needs):
        return stage
    return replace(stage, needs=tuple(need for need in stage.needs if need not in left_out))


USUAL_STAGES: Final = tuple(
    without(stage, [each.name for each in STAGES if each.wanted_by]) for stage in STAGES if not stage.wanted_by
)
"""Those that a job runs which asks for nothing more."""
BY_NAME: Final[dict[StageName, Stage]] = {stage.name: stage for stage in STAGES}

WITHOUT_EFFECT: Final = {
    "operatorClass": "Which operator acts on the job; it can't change.",
    "profileName": "Which hardware, limits and defaults; the values that defaults fill in count themselves.",
    "queueName": "When pods are admitted.",
    "priorityClassName": "When pods are scheduled.",
    "training.checkpointEverySteps": "What an interrupted training starts from.",
    "training.keepCheckpoints": "What is kept beside the result.",
    "training.resultPrecision": "How the result is stored; looked at when training ends.",
    "training.depthFusion": "Whether depth maps that agree are fused instead; looked at when training begins.",
    "suspend": "Whether anything runs now.",
    "pauseAfter": "When something runs.",
    "endAfter": "Which stages there are, and what the report needs.",
    "retryPolicy": "What happens after a failure.",
    "softDeadlineSeconds": "How long pods may run.",
    "activeDeadlineSeconds": "How long pods may run.",
}
"""Fields of the spec that no stage's result depends on, and what they decide instead; nothing runs again when they
change. A change gives a failed job another chance all the same."""
FATE: Final = {
    "cancellation": "Whether the job is stopped for good.",
    "retention": "How long its files are kept.",
    "notifications": "Who is notified.",
}
"""Fields that only concern what becomes of the job: a failed one is not run again for them. Each leaf of the spec is in
exactly one of these two and the stages' fields."""


def stages_of(resource_class: ResourceClass, graph: Iterable[Stage] = STAGES) -> tuple[Stage, ...]:
    """The stages of a class in running order."""
    return tuple(stage for stage in graph if stage.resource_class is resource_class)


def ending_with(last: StageName, table: Iterable[Stage] = STAGES) -> tuple[Stage, ...]:
    """A stage and those that it needs, directly or not, in running order."""
    wanted, found = {last}, list[Stage]()
    for stage in reversed(tuple(table)):
        if stage.name in wanted:
            wanted.update(stage.needs)
            found.append(stage)
    return tuple(reversed(found))


def listed(names: Iterable[str], conjunction: str = "or") -> str:
    """Names in one phrase: `ingest, poses or train`."""
    *most, last = names
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def described_classes() -> str:
    """Each class with its stages: `prepare` (ingest, poses) ..."""
    return listed(f"`{each}` ({', '.join(stage.name for stage in stages_of(each))})" for each in ResourceClass)
