"""The stage graph: names, resource classes, what each stage needs, and the part of the spec that it depends on.

The operator uses it to decide which child Job must run, the worker to decide which stage may be skipped; both from the
same digests, so that they never disagree about what a change of the spec invalidates.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from .baseline import explicit
from .defaults import completed
from .job import ReconstructionJobSpec
from .source import Reuse


class ResourceClass(StrEnum):
    """Consecutive stages of one class share a child Job, so no GPU waits for work that needs none."""

    PREPARE = "prepare"
    RECONSTRUCT = "reconstruct"
    DELIVER = "deliver"


class StageName(StrEnum):
    INGEST = "ingest"
    POSES = "poses"
    TRAIN = "train"
    EVALUATE = "evaluate"
    MESH = "mesh"
    TEXTURE = "texture"
    EXPORT = "export"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Stage:
    """A node of the graph. `fields` are the spec's top-level fields that the stage's result depends on, each as
    `field` or `field.member`."""

    name: StageName
    resource_class: ResourceClass
    needs: tuple[StageName, ...]
    fields: tuple[str, ...]
    weight: int
    """Rough share of the whole running time, for an overall percentage."""
    code_version: int = 1
    """To be raised with every change of a stage's code that changes its files. Jobs that are accepted from then on, and
    local runs, get the new files; those that keep an earlier plan keep what they have."""

    def settings(self, spec: ReconstructionJobSpec) -> dict[str, Any]:
        """The part of the spec this stage depends on, as plain JSON data keyed by field path.

        Values that a field has always stood for when unset are left out (`baseline`): neither a field that a later
        release adds nor a default that it changes invalidates the results of this one.
        """
        return self.settings_in(explicit(completed(spec)))

    def settings_in(self, document: dict[str, Any]) -> dict[str, Any]:
        """The same, from a spec as `explicit` gives it."""
        result: dict[str, Any] = {}
        for path in self.fields:
            value: Any = document
            for part in path.split("."):
                value = value.get(part, {})
            if value != {}:
                result[path] = value
        return result


_P, _R, _D = ResourceClass.PREPARE, ResourceClass.RECONSTRUCT, ResourceClass.DELIVER
_N = StageName

STAGES: Final[tuple[Stage, ...]] = (
    Stage(_N.INGEST, _P, (), ("source", "images", "redo.ingest"), 3, 3),
    Stage(_N.POSES, _P, (_N.INGEST,), ("poses", "redo.poses"), 12, 5),
    Stage(
        _N.TRAIN,
        _R,
        (_N.POSES,),
        (
            "engine",
            "training.preset",
            "training.steps",
            "training.timeBudgetSeconds",
            "training.earlyStopping",
            "training.holdOut",
            "training.device",
            "training.raysPerStep",
            "training.gradientAccumulation",
            "training.seed",
            "redo.train",
        ),
        60,
        3,
    ),
    Stage(_N.EVALUATE, _R, (_N.TRAIN,), ("quality", "redo.evaluate"), 5, 3),
    Stage(_N.MESH, _R, (_N.TRAIN,), ("mesh.targetFaces", "redo.mesh"), 10, 3),
    Stage(_N.TEXTURE, _R, (_N.MESH,), ("mesh.textureSize", "redo.texture"), 6, 2),
    Stage(_N.EXPORT, _D, (_N.TEXTURE,), ("exports", "redo.export"), 2, 2),
    Stage(_N.REPORT, _D, (_N.EVALUATE, _N.EXPORT), ("redo.report",), 2, 4),
)
BY_NAME: Final[dict[StageName, Stage]] = {stage.name: stage for stage in STAGES}

WITHOUT_EFFECT: Final = {
    "operatorClass": "Which operator acts on the job; it can't change.",
    "profileName": "Which hardware, limits and defaults; the values that defaults fill in count themselves.",
    "queueName": "When pods are admitted.",
    "priorityClassName": "When pods are scheduled.",
    "training.checkpointEverySteps": "What an interrupted training starts from.",
    "training.keepCheckpoints": "What is kept beside the result.",
    "training.resultPrecision": "How the result is stored; looked at when training ends.",
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
    "notifications": "Who is told.",
}
"""Fields that only concern what becomes of the job: a failed one is not run again for them. Each leaf of the spec is in
exactly one of these two and the stages' fields."""


_REUSED: Final = {
    Reuse.PHOTOS: (_N.INGEST,),
    Reuse.POSES: (_N.INGEST, _N.POSES),
    Reuse.TRAINING: (_N.INGEST, _N.POSES, _N.TRAIN),
}


def graph_of(spec: ReconstructionJobSpec, stages: Iterable[Stage] | None = None) -> tuple[Stage, ...]:
    """The stages that a job runs, in running order, out of a table of stages (this release's when None).

    What is copied from another job is copied at once, by the pod that prepares: no GPU is needed for it, and nothing of
    the other job afterwards.
    """
    stages = STAGES if stages is None else tuple(stages)
    if spec.end_after is None:
        reused = reused_stages(spec)
        return tuple(replace(stage, resource_class=_P) if stage.name in reused else stage for stage in stages)
    by_name = {stage.name: stage for stage in stages}
    return by_name[_N.INGEST], by_name[_N.POSES], replace(by_name[_N.REPORT], needs=(_N.POSES,))


def stages_of(resource_class: ResourceClass, graph: Iterable[Stage] = STAGES) -> tuple[Stage, ...]:
    """The stages of a class in running order."""
    return tuple(stage for stage in graph if stage.resource_class is resource_class)


def reused_stages(spec: ReconstructionJobSpec) -> tuple[StageName, ...]:
    """Stages whose results are copied from the job that `spec.source.jobRef` names."""
    return _REUSED[spec.source.job_ref.reuse] if spec.source.job_ref is not None else ()


def reads_source(resource_class: ResourceClass) -> bool:
    """Whether pods of a class need what `spec.source` names."""
    return resource_class is ResourceClass.PREPARE


def pause_stage(spec: ReconstructionJobSpec) -> StageName | None:
    """The stage after which the job pauses."""
    return StageName(spec.pause_after.lower()) if spec.pause_after is not None else None


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def digest(data: Any) -> str:
    """sha256 of JSON data with sorted keys, in hexadecimal."""
    return hashlib.sha256(_CANONICAL.encode(data).encode()).hexdigest()


def stage_digests(spec: ReconstructionJobSpec, stages: Iterable[Stage] | None = None) -> dict[StageName, str]:
    """For each stage a digest of all settings that its result depends on, its ancestors' included."""
    digests: dict[StageName, str] = {}
    document = explicit(completed(spec))
    for stage in graph_of(spec, stages):
        needs = [digests[need] for need in stage.needs]
        digests[stage.name] = stage_digest(stage.name, stage.settings_in(document), needs)
    return digests


def stage_digest(name: str, settings: dict[str, Any], needs: list[str]) -> str:
    """Digest of a stage's settings (`Stage.settings`) and of the digests of the stages that it needs."""
    return digest({"stage": name, "settings": settings, "needs": needs})


def class_digest(resource_class: ResourceClass, digests: dict[StageName, str], graph: Iterable[Stage] = STAGES) -> str:
    """Digest of everything that the child Job of a class depends on."""
    return digest([digests[stage.name] for stage in stages_of(resource_class, graph)])


def overall_percent(
    done: Iterable[StageName], running: StageName | None, running_percent: float, graph: Iterable[Stage] = STAGES
) -> int:
    """Percentage of the whole job, from the stages that are done and how far the running one is (0-100)."""
    weights = {stage.name: stage.weight for stage in graph}
    reached = float(sum(weights.get(name, 0) for name in set(done)))
    if running is not None:
        reached += weights.get(running, 0) * min(max(running_percent, 0.0), 100.0) / 100
    return min(int(reached * 100 / sum(weights.values())), 100) if weights else 0
