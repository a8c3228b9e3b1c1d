"""Which resource classes a spec needs, and what each of them stands for."""

from __future__ import annotations

from dataclasses import dataclass

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import ResourceClass, StageName, class_digest, graph_of, stage_digests, stages_of


@dataclass(frozen=True, slots=True)
class Need:
    """A resource class that must have run with these settings for the job to be done."""

    resource_class: ResourceClass
    digest: str
    stages: dict[StageName, str]
    """Digest of each of its stages, in running order."""

    def label(self) -> str:
        """The digest as a label value (at most 63 characters)."""
        return self.digest[:16]


def needs_of(spec: ReconstructionJobSpec) -> tuple[Need, ...]:
    """The classes that have something to do, in running order."""
    digests, graph = stage_digests(spec), graph_of(spec)
    return tuple(
        Need(
            resource_class=resource_class,
            digest=class_digest(resource_class, digests, graph),
            stages={stage.name: digests[stage.name] for stage in stages_of(resource_class, graph)},
        )
        for resource_class in ResourceClass
        if stages_of(resource_class, graph)
    )
