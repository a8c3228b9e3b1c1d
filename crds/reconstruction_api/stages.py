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

    def settings(self, spec: ReconstructionJobSpec) -> dict[str, Any]:
        """The part of the spec this stage depends on, as plain JSON data keyed by field path.

        Defaults are left out, so that a field added in a later release does not invalidate the results of this one. A
        default therefore never changes within an API version.
        """
        return self.settings_in(spec.model_dump(mode="json", by_alias=True, exclude_defaults=True))

    def settings_in(self, document: dict[str, Any]) -> dict[str, Any]:
        """The same, from a spec as JSON data without defaults."""
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
    Stage(_N.INGEST, _P, (), ("source", "images", "redo.ingest"), 3),
    Stage(_N.POSES, _P, (_N.INGEST,), ("poses", "redo.poses"), 12),
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
    ),
    Stage(_N.EVALUATE, _R, (_N.TRAIN,), ("quality", "redo.evaluate"), 5),
    Stage(_N.MESH, _R, (_N.TRAIN,), ("mesh.targetFaces", "redo.mesh"), 10),
    Stage(_N.TEXTURE, _R, (_N.MESH,), ("mesh.textureSize", "redo.texture"), 6),
    Stage(_N.EXPORT, _D, (_N.TEXTURE,), ("exports", "redo.export"), 2),
    Stage(_N.REPORT, _D, (_N.EVALUATE, _N.EXPORT), ("redo.report",), 2),
)
BY_NAME: Final[dict[StageName, Stage]] = {stage.name: stage for stage in STAGES}


_REUSED: Final = {
    Reuse.PHOTOS: (_N.INGEST,),
    Reuse.POSES: (_N.INGEST, _N.POSES),
    Reuse.TRAINING: (_N.INGEST, _N.POSES, _N.TRAIN),
}


def graph_of(spec: ReconstructionJobSpec) -> tuple[Stage, ...]:
    """The stages that a job runs, in running order. What is copied from another job is copied at once, by the pod that
    prepares: no GPU is needed for it, and nothing of the other job afterwards."""
    if spec.end_after is None:
        reused = reused_stages(spec)
        return tuple(replace(stage, resource_class=_P) if stage.name in reused else stage for stage in STAGES)
    return BY_NAME[_N.INGEST], BY_NAME[_N.POSES], replace(BY_NAME[_N.REPORT], needs=(_N.POSES,))


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


def stage_digests(spec: ReconstructionJobSpec) -> dict[StageName, str]:
    """For each stage a digest of all settings that its result depends on, its ancestors' included."""
    digests: dict[StageName, str] = {}
    document = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for stage in graph_of(spec):
        digests[stage.name] = digest(
            {
                "stage": stage.name,
                "settings": stage.settings_in(document),
                "needs": [digests[need] for need in stage.needs],
            }
        )
    return digests


def class_digest(resource_class: ResourceClass, digests: dict[StageName, str], graph: Iterable[Stage] = STAGES) -> str:
    """Digest of everything that the child Job of a class depends on."""
    return digest([digests[stage.name] for stage in stages_of(resource_class, graph)])


def overall_percent(
    done: Iterable[StageName], running: StageName | None, running_percent: float, graph: Iterable[Stage] = STAGES
) -> int:
    """Percentage of the whole job, from the stages that are done and how far the running one is (0-100)."""
    total = sum(stage.weight for stage in graph)
    reached = float(sum(BY_NAME[name].weight for name in set(done)))
    if running is not None:
        reached += BY_NAME[running].weight * min(max(running_percent, 0.0), 100.0) / 100
    return min(int(reached * 100 / total), 100)
