"""spec.source.jobRef: whether the job that this one builds on has what is needed.

Looked at only when a pod is to be started that copies from the other job's workspace. What has been copied stays,
whatever becomes of the other job.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconstruction_api.errors import CATALOGUE
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.source import JobSource
from reconstruction_api.stages import ResourceClass, StageName, reads_source, reused_stages
from reconstruction_api.worker import Failure

from ...model import Observed, UpstreamJob
from .failure import failure

CODE = "DependencyNotReady"
_FIELD = "spec.source.jobRef"


@dataclass(frozen=True, slots=True)
class Dependency:
    """What stands between the job and the other's results: it will pass, or it is a failure until somebody acts."""

    waits: str = ""
    failure: Failure | None = None


def dependency(observed: Observed, resource_class: ResourceClass) -> Dependency:
    """For pods of a class that are to be started now."""
    spec = observed.job.spec
    if spec is None or spec.source.job_ref is None or not reads_source(resource_class):
        return Dependency()
    reference, upstream, namespace = spec.source.job_ref, observed.upstream, observed.job.key.namespace
    if observed.cycle:
        cycle = " -> ".join(observed.cycle)
        return _failed("DependencyCycle", f"{_FIELD}: the jobs build on each other in a cycle: {cycle}.")
    if upstream is None or upstream.deleting:
        what = "is being deleted" if upstream is not None else f"does not exist in namespace {namespace!r}"
        return _failed("SourceNotFound", f"{_FIELD}.name: job {reference.name!r} {what}.")
    return _unfit(spec, reference, upstream) or _unready(reused_stages(spec), upstream)


def _unfit(spec: ReconstructionJobSpec, reference: JobSource, upstream: UpstreamJob) -> Dependency | None:
    """What can't become right by waiting."""
    if reference.reuse.trained and upstream.engine != spec.chosen_engine:
        text = f"{_FIELD}: job {upstream.name!r} trains {upstream.engine!r}, which {spec.chosen_engine!r} can't read."
        return _failed("CheckpointIncompatible", f"{text} Set reuse to Poses in another job, or name the same engine.")
    last = reused_stages(spec)[-1]
    if last not in upstream.runs:
        return _failed(
            "SourceNotFound", f"{_FIELD}: job {upstream.name!r} ends before stage {last} (its spec.endAfter)."
        )
    return None


def _unready(reused: tuple[StageName, ...], upstream: UpstreamJob) -> Dependency:
    last = reused[-1]
    if upstream.files_gone:
        text = f"the workspace of job {upstream.name!r} was removed at {upstream.files_gone}."
        if last is StageName.EVALUATE:
            text += " Exports and a turntable of that job itself are made from what it has published, if it has."
        return _failed("SourceNotFound", f"{_FIELD}: {text}")
    if upstream.checkpoints_gone and StageName.TRAIN in reused:
        text = f"the checkpoints of job {upstream.name!r} were removed at {upstream.checkpoints_gone}."
        return _failed("SourceNotFound", f"{_FIELD}: {text} Set reuse to Poses in another job, or train them again.")
    if upstream.current and last in upstream.done and upstream.claim:
        return Dependency()
    if upstream.current and upstream.failed:
        return _failed("DependencyFailed", f"{_FIELD}: job {upstream.name!r} has failed. {upstream.failed}")
    return Dependency(
        waits=f"Waits for stage {last} of job {upstream.name!r}, which {upstream.doing}. {CATALOGUE[CODE].suggestion}"
    )


def _failed(code: str, message: str) -> Dependency:
    return Dependency(failure=failure(code, message))
