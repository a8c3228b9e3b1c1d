"""spec.source.jobRef: whether the job that this one builds on has what is needed.

Looked at only when a pod is to be started that copies from the other job's workspace. What has been copied stays,
whatever becomes of the other job.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconstruction_api.errors import CATALOGUE
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.source import JobSource, Reuse
from reconstruction_api.stages import ResourceClass, StageName, reads_source, reused_stages
from reconstruction_api.worker import Failure

from ..model import Observed, OtherJob
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
    reference, other, namespace = spec.source.job_ref, observed.other, observed.job.key.namespace
    if observed.circle:
        circle = " -> ".join(observed.circle)
        return _failed("DependencyCycle", f"{_FIELD}: the jobs build on each other in a circle: {circle}.")
    if other is None or other.deleting:
        what = "is being deleted" if other is not None else f"does not exist in namespace {namespace!r}"
        return _failed("SourceNotFound", f"{_FIELD}.name: job {reference.name!r} {what}.")
    return _unfit(spec, reference, other) or _unready(reused_stages(spec)[-1], other)


def _unfit(spec: ReconstructionJobSpec, reference: JobSource, other: OtherJob) -> Dependency | None:
    """What can't become right by waiting."""
    if reference.reuse is Reuse.TRAINING and other.engine != spec.chosen_engine:
        text = f"{_FIELD}: job {other.name!r} trains {other.engine!r}, which {spec.chosen_engine!r} can't read."
        return _failed("CheckpointIncompatible", f"{text} Set reuse to Poses in another job, or name the same engine.")
    last = reused_stages(spec)[-1]
    if last not in other.runs:
        return _failed("SourceNotFound", f"{_FIELD}: job {other.name!r} ends before stage {last} (its spec.endAfter).")
    return None


def _unready(last: StageName, other: OtherJob) -> Dependency:
    if other.files_gone:
        text = f"the workspace of job {other.name!r} was removed at {other.files_gone}."
        return _failed("SourceNotFound", f"{_FIELD}: {text}")
    if other.current and last in other.done and other.claim:
        return Dependency()
    if other.current and other.failed:
        return _failed("DependencyFailed", f"{_FIELD}: job {other.name!r} has failed. {other.failed}")
    return Dependency(
        waits=f"Waits for stage {last} of job {other.name!r}, which {other.doing}. {CATALOGUE[CODE].suggestion}"
    )


def _failed(code: str, message: str) -> Dependency:
    return Dependency(failure=failure(code, message))
