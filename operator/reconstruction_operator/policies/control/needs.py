"""Which resource classes a spec needs, and what each of them stands for."""

from __future__ import annotations

from dataclasses import dataclass

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.plan import JobPlan, fresh_plan
from reconstruction_api.stages import ResourceClass

LABEL_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Need:
    """A resource class that must have run with these settings for the job to be done."""

    resource_class: ResourceClass
    digest: str
    stages: dict[str, str]
    """Digest of each of its stages, in running order."""

    def label(self) -> str:
        """The digest as a label value (at most 63 characters)."""
        return self.digest[:LABEL_LENGTH]


def needs_of(spec: ReconstructionJobSpec) -> tuple[Need, ...]:
    """The classes that have something to do for a job of this spec that is accepted now, in running order."""
    return needs_of_plan(fresh_plan(spec, generation=0))


def needs_of_plan(plan: JobPlan) -> tuple[Need, ...]:
    """The classes that have something to do, in running order."""
    stages = {each: plan.of_class(each) for each in ResourceClass}
    return tuple(
        Need(each, plan.class_digest(each), {stage.name: stage.digest for stage in planned})
        for each, planned in stages.items()
        if planned
    )
