"""What a job sees of the job that it builds on (spec.source.jobRef)."""

from __future__ import annotations

from typing import Final

from reconstruction_api.lifecycle import RetentionStatus
from reconstruction_api.reasons import Reason
from reconstruction_api.stages import graph_of
from reconstruction_api.status import ConditionType, ReconstructionJobStatus, StageState

from .model import JobKey, JobView, UpstreamJob
from .store import Store

_LONGEST_CHAIN = 32


def upstream_job_of(view: JobView) -> UpstreamJob:
    """A job as others see it: only what matters to them, so that little of what it does wakes them."""
    status, spec = view.status, view.spec
    kept = status.retention or RetentionStatus()
    succeeded = next((each for each in status.conditions if each.type == ConditionType.SUCCEEDED), None)
    failed = succeeded is not None and succeeded.status == "False"
    return UpstreamJob(
        name=view.key.name,
        uid=view.uid,
        deleting=view.deleting,
        engine=status.engine or (spec.chosen_engine if spec is not None else ""),
        runs=_stages(view),
        done=frozenset(each.name for each in status.stages if each.state is StageState.SUCCEEDED),
        claim=status.workspace_claim or "",
        files_gone=kept.workspace_removed_time or ("an earlier time" if status.from_destination else ""),
        checkpoints_gone=kept.checkpoints_removed_time or "",
        current=status.observed_generation == view.generation,
        failed=f"{succeeded.reason}: {succeeded.message}" if succeeded is not None and failed else "",
        doing=_doing(status),
    )


def _stages(view: JobView) -> frozenset[str]:
    """Names of the job's stages, by its plan where it has one for its spec as it is."""
    plan = view.status.plan
    if plan is not None and plan.generation == view.generation:
        return frozenset(plan.digests())
    return frozenset(stage.name.value for stage in graph_of(view.spec)) if view.spec is not None else frozenset()


def upstream_chain(store: Store, key: JobKey) -> tuple[JobKey, ...]:
    """The jobs that a job builds on, directly and through others, as far as they are known; a job that comes again, the
    first one included, ends it."""
    chain: list[JobKey] = []
    stored = store.jobs.get(key)
    while stored is not None and stored.builds_on and len(chain) < _LONGEST_CHAIN:
        following = JobKey(key.namespace, stored.builds_on)
        chain.append(following)
        if following == key or following in chain[:-1]:
            break
        stored = store.jobs.get(following)
    return tuple(chain)


def cycle_of(key: JobKey, chain: tuple[JobKey, ...]) -> tuple[str, ...]:
    """Names of the jobs that build on each other in a cycle with this one; empty when it is in none."""
    return (key.name, *(each.name for each in chain)) if chain and chain[-1] == key else ()


_HELD: Final[dict[str, str]] = {Reason.PAUSED: "is paused", Reason.SUSPENDED: "is suspended"}


def _doing(status: ReconstructionJobStatus) -> str:
    """For people, after the job's name."""
    suspended = next((each for each in status.conditions if each.type == ConditionType.SUSPENDED), None)
    if suspended is not None and suspended.status == "True":
        return _HELD.get(suspended.reason, "has stopped at its deadline")
    return f"is at stage {status.stage}" if status.stage and status.admission_time else "has not started"
