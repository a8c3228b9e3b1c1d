"""The stage graph of a job: which of the declared stages (`stage_table`) it runs, and the digests of their settings.

The operator uses it to decide which child Job must run, the worker to decide which stage may be skipped; both from the
same digests, so that they never disagree about what a change of the spec invalidates.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from pydantic.alias_generators import to_snake

from .baseline import explicit
from .defaults import completed
from .job import ReconstructionJobSpec
from .source import Reuse
from .stage_table import BY_NAME, STAGES, USUAL_STAGES, ResourceClass, Stage, StageName, ending_with, stages_of, without

__all__ = [
    "BY_NAME",
    "STAGES",
    "USUAL_STAGES",
    "ResourceClass",
    "Stage",
    "StageName",
    "class_digest",
    "digest",
    "end_stage",
    "graph_of",
    "overall_percent",
    "pause_stage",
    "publishes",
    "reads_source",
    "reused_stages",
    "stage_digest",
    "stage_digests",
    "stage_settings",
    "stages_of",
]


_REUSED: Final = {
    reuse: tuple(stage.name for stage in ending_with(last))
    for reuse, last in (
        (Reuse.PHOTOS, StageName.INGEST),
        (Reuse.POSES, StageName.POSES),
        (Reuse.TRAINING, StageName.TRAIN),
        (Reuse.MODEL, StageName.EVALUATE),
    )
}


def graph_of(spec: ReconstructionJobSpec, stages: Iterable[Stage] | None = None) -> tuple[Stage, ...]:
    """The stages that a job runs, in running order, out of a table of stages (this release's when None).

    What is copied from another job is copied at once, by the pod that prepares: no GPU is needed for it, and nothing of
    the other job afterwards.
    """
    stages = STAGES if stages is None else tuple(stages)
    last = end_stage(spec)
    wanted = tuple(stage for stage in stages if not stage.wanted_by or _is_wanted(stage, spec))
    if last is None:
        reused = reused_stages(spec)
        first = ResourceClass.PREPARE
        graph = tuple(replace(stage, resource_class=first) if stage.name in reused else stage for stage in wanted)
    else:
        report = next(stage for stage in stages if stage.name == StageName.REPORT)
        asked_for = tuple(stage for stage in wanted if stage.wanted_by)
        graph = (*ending_with(last, stages), replace(report, needs=(last,)), *asked_for)
    left_out = {stage.name for stage in stages if stage not in wanted}
    return tuple(without(stage, left_out) for stage in graph)


def _is_wanted(stage: Stage, spec: ReconstructionJobSpec) -> bool:
    return getattr(spec, to_snake(stage.wanted_by)) not in (None, False)


def reused_stages(spec: ReconstructionJobSpec) -> tuple[StageName, ...]:
    """Stages whose results are copied from the job that `spec.source.jobRef` names."""
    return _REUSED[spec.source.job_ref.reuse] if spec.source.job_ref is not None else ()


def reads_source(resource_class: ResourceClass) -> bool:
    """Whether pods of a class need what `spec.source` names."""
    return resource_class is ResourceClass.PREPARE


def publishes(resource_class: ResourceClass) -> bool:
    """Whether pods of a class need what `spec.destination` names."""
    return resource_class is ResourceClass.DELIVER


def pause_stage(spec: ReconstructionJobSpec) -> StageName | None:
    """The stage after which the job pauses."""
    return StageName(spec.pause_after.lower()) if spec.pause_after is not None else None


def end_stage(spec: ReconstructionJobSpec) -> StageName | None:
    """The stage whose result the job ends with, where it is to end early."""
    return StageName(spec.end_after.lower()) if spec.end_after is not None else None


def stage_settings(stage: Stage, spec: ReconstructionJobSpec) -> dict[str, Any]:
    """The part of the spec that a stage depends on, as plain JSON data keyed by field path."""
    return stage.settings_in(explicit(completed(spec)))


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
    """Digest of everything that the child Job of a class depends on; stages without a digest do not run."""
    return digest([digests[stage.name] for stage in stages_of(resource_class, graph) if stage.name in digests])


def overall_percent(
    done: Iterable[StageName], running: StageName | None, running_percent: float, graph: Iterable[Stage] = STAGES
) -> int:
    """Percentage of the whole job, from the stages that are done and how far the running one is (0-100)."""
    weights = {stage.name: stage.weight for stage in graph}
    reached = float(sum(weights.get(name, 0) for name in set(done)))
    if running is not None:
        reached += weights.get(running, 0) * min(max(running_percent, 0.0), 100.0) / 100
    return min(int(reached * 100 / sum(weights.values())), 100) if weights else 0
