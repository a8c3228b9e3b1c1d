"""A job's plan: the stages it runs, each with the digest of its settings and the version of its code.

The plan is made when the operator accepts a generation of the spec, and kept in status. A later release has its own
table of stages, formulas and code versions; a job goes by its plan until its spec changes, and even then whatever the
change does not concern stays as it was planned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from pydantic import Field, ValidationError

from .base import ApiModel
from .baseline import explicit, with_baseline
from .defaults import PATHS, completed
from .job import ReconstructionJobSpec
from .rules import ATOMIC
from .secrecy import shown_address
from .stage_table import BY_NAME, FATE, WITHOUT_EFFECT, ResourceClass, Stage
from .stages import digest, graph_of, stage_digest

_REMEMBERED: Final = {"endAfter", *(path.partition(".")[0] for path in PATHS)}
"""Which stages there are depends on the first; of the others it matters whether they were unset."""
_DIGESTED: Final = re.compile(r"\?sha256-[0-9a-f]{16}$")
_NO_SETTINGS: Final = {*FATE, *(name for name in WITHOUT_EFFECT if "." not in name)} - _REMEMBERED


class PlannedStage(ApiModel):
    """A stage as the job runs it."""

    name: str
    """Name of the stage."""
    resource_class: str
    """Class of the pods that run it."""
    digest: str
    """Digest of the settings that its result is for."""
    code_version: int
    """Version of the code that its result is from; a result of another version is made again only where the stage runs
    anyway."""
    needs: list[str] = Field(default_factory=list[str])
    """Stages whose results it reads."""


class JobPlan(ApiModel):
    """What the job runs, as decided when its spec was accepted. A later release of the operator keeps to it."""

    generation: int
    """The metadata.generation that it was made for."""
    stages: list[PlannedStage]
    """All stages, in running order."""
    settings: dict[str, Any] = Field(default_factory=dict, json_schema_extra=ATOMIC)
    """The settings that it was made for: fields of the spec, filled-in defaults included, that differ from what an
    unset field stood for in the first release."""

    def digests(self) -> dict[str, str]:
        """Of each stage."""
        return {stage.name: stage.digest for stage in self.stages}

    def of_class(self, resource_class: ResourceClass) -> list[PlannedStage]:
        """The stages of a class, in running order. Those of a class that this release does not know are left to the
        release that does."""
        return [stage for stage in self.stages if stage.resource_class == resource_class]

    def class_digest(self, resource_class: ResourceClass) -> str:
        """Digest of everything that the child Job of a class depends on."""
        return digest([stage.digest for stage in self.of_class(resource_class)])

    def graph(self) -> tuple[Stage, ...]:
        """The stages that this release knows, as they are planned."""
        return tuple(stage for stage in map(known_stage, self.stages) if stage is not None)


class WorkerStage(PlannedStage):
    """A stage for a worker."""

    completed: bool = False
    """It has run in this workspace with these settings: its result counts, whatever code has made it."""


class WorkerPlan(ApiModel):
    """The part of a plan that a pod runs; travels as JSON in the pod's environment, beside the order. Workers that know
    of no plan make one from the spec, which is the same as long as their release is."""

    stages: list[WorkerStage]
    """The stages of the pod's class, in running order."""


def known_stage(planned: PlannedStage) -> Stage | None:
    """A planned stage, as far as this release knows it."""
    stage = BY_NAME.get(planned.name)  # pyright: ignore[reportArgumentType, reportCallIssue] - names are text
    if stage is None or planned.resource_class not in list(ResourceClass):
        return None
    needs = tuple(known.name for need, known in BY_NAME.items() if need in planned.needs)
    return replace(stage, resource_class=ResourceClass(planned.resource_class), needs=needs)


def settings_of(spec: ReconstructionJobSpec) -> dict[str, Any]:
    """What a plan remembers of a spec."""
    document = explicit(completed(spec))
    return {name: value for name, value in document.items() if name not in _NO_SETTINGS}


def _remembered(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings as status may show them: of a query in the source's address, which may be a signature, a digest that
    shows whether it has changed."""
    source: dict[str, Any] = settings.get("source") or {}
    uri = source.get("uri")
    if not isinstance(uri, str) or shown_address(uri) == uri or _DIGESTED.search(uri):
        return settings
    guarded = f"{shown_address(uri)}?sha256-{digest(uri)[:16]}"
    return settings | {"source": source | {"uri": guarded}}


def fresh_plan(spec: ReconstructionJobSpec, generation: int, stages: Iterable[Stage] | None = None) -> JobPlan:
    """The plan of a job that this release accepts, or one by another table of stages."""
    settings = settings_of(spec)
    planned: dict[str, PlannedStage] = {}
    for stage in graph_of(spec, stages):
        planned[stage.name] = _planned(stage, settings, planned, tuple(stage.needs))
    return JobPlan(generation=generation, stages=list(planned.values()), settings=_remembered(settings))


def renewed_plan(before: JobPlan, spec: ReconstructionJobSpec, generation: int) -> JobPlan:
    """The plan after a change of the spec. A stage that the change does not concern, itself or through a stage that it
    needs, keeps its digest and code version, whatever this release would make of it.

    A stage that the earlier plan lacks is added where the change asks for it: its own settings have changed, or jobs of
    the earlier spec do not have it; or where nothing of the earlier plan is kept.
    """
    settings, old = settings_of(spec), before.settings
    graph, old_graph = graph_of(spec), {stage.name: stage for stage in _graph_of_settings(old, spec)}
    known = {stage.name: stage for stage in before.stages}
    planned: dict[str, PlannedStage] = {}
    added: set[str] = set()
    for stage in graph:
        earlier, old_stage = known.get(stage.name), old_graph.get(stage.name)
        changed = stage.settings_in(_remembered(settings)) != stage.settings_in(_remembered(old))
        if earlier is None:
            if changed or old_stage is None:
                added.add(stage.name)
                planned[stage.name] = _planned(stage, settings, planned, _present(stage.needs, planned))
            continue
        rewired = old_stage is None or old_stage.needs != stage.needs or bool(added.intersection(stage.needs))
        needs = _present(stage.needs if rewired else earlier.needs, planned)
        kept = not changed and needs == tuple(earlier.needs)
        if kept and all(planned[need] == known.get(need) for need in needs):
            planned[stage.name] = earlier
        else:
            planned[stage.name] = _planned(stage, settings, planned, needs)
    if not any(planned.get(name) == stage for name, stage in known.items()):
        return fresh_plan(spec, generation)
    return JobPlan(generation=generation, stages=_in_order(planned, before), settings=_remembered(settings))


def _in_order(planned: dict[str, PlannedStage], before: JobPlan) -> list[PlannedStage]:
    """In the order of the earlier plan, as far as what is new allows: a class's digest depends on it."""
    wanted = [stage.name for stage in before.stages if stage.name in planned]
    for name in planned:
        if name not in wanted:
            wanted.insert(
                max((wanted.index(need) + 1 for need in planned[name].needs if need in wanted), default=0), name
            )
    order: list[PlannedStage] = []
    while wanted:
        placed = {stage.name for stage in order}
        name = next(name for name in wanted if placed.issuperset(planned[name].needs))
        wanted.remove(name)
        order.append(planned[name])
    return order


def _planned(
    stage: Stage, settings: dict[str, Any], planned: dict[str, PlannedStage], needs: tuple[str, ...]
) -> PlannedStage:
    own = stage.settings_in(settings)
    return PlannedStage(
        name=stage.name.value,
        resource_class=stage.resource_class.value,
        digest=stage_digest(stage.name, own, [planned[need].digest for need in needs]),
        code_version=stage.code_version,
        needs=[str(need) for need in needs],
    )


def _present(needs: Iterable[str], planned: dict[str, PlannedStage]) -> tuple[str, ...]:
    return tuple(str(need) for need in needs if need in planned)


def _graph_of_settings(settings: dict[str, Any], spec: ReconstructionJobSpec) -> tuple[Stage, ...]:
    """This release's stages for the settings of a plan. Where it can't read them, for those of `spec`: then nothing
    counts as asked for again."""
    try:
        return graph_of(ReconstructionJobSpec.model_validate(with_baseline(settings), extra="ignore"))
    except ValidationError:
        return graph_of(spec)
