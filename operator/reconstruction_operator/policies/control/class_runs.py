"""The runs of resource classes that a job has on record: how one begins, is renewed and is set back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ClassRun

from ...manifests.child_names import child_job_name
from ...model import JobView
from ...times import parse_time
from .needs import Need
from .retry import next_attempt
from .situation import Situation

_ORDER = list(ResourceClass)


def carried_over(job: JobView, needs: tuple[Need, ...], fresh_chance: bool) -> tuple[ClassRun, ...]:
    """The known runs. A changed spec gives those that failed a new chance; those of other settings stay on record until
    their class starts again, so that no attempt's number is ever used twice."""
    wanted = {need.digest for need in needs}
    runs = job.status.runs
    return tuple(_renewed(job, run) if fresh_chance and run.digest in wanted else run for run in runs)


def _renewed(job: JobView, run: ClassRun) -> ClassRun:
    if run.completed:
        return run
    cleared = run.model_copy(
        update={
            "failures": 0,
            "retry_after": None,
            "trouble": "",
            "ended": False,
            "interruptions_in_vain": 0,
            "source_waits": 0,
        }
    )
    return next_attempt(job, cleared, None) if run.ended else cleared


def begin_run(situation: Situation, job: JobView, need: Need) -> tuple[Situation, ClassRun]:
    """The run for these settings: a new one where the class has none, or ran with other settings.

    A new run makes what later classes have done with the old result outdated, even where it is of the same settings.
    """
    known = next((run for run in situation.runs if run.resource_class == need.resource_class), None)
    if known is not None and known.digest == need.digest:
        return situation, known
    attempt = known.attempt + 1 if known is not None else 1
    name = child_job_name(job.key.name, job.uid, need.resource_class, need.digest, attempt)
    run = ClassRun(resource_class=need.resource_class, digest=need.digest, attempt=attempt, job_name=name)
    position = _ORDER.index(need.resource_class)
    runs = tuple(restarted(job, r) if _ORDER.index(r.resource_class) > position else r for r in situation.runs)
    return replace(situation, runs=with_run(runs, run)), run


def restarted(job: JobView, run: ClassRun) -> ClassRun:
    fresh = ClassRun(resource_class=run.resource_class, digest=run.digest, attempt=run.attempt, job_name=run.job_name)
    return next_attempt(job, fresh, None)


def with_run(runs: tuple[ClassRun, ...], run: ClassRun) -> tuple[ClassRun, ...]:
    """The runs in the order of their classes, with this one in place of its class's."""
    others = [other for other in runs if other.resource_class != run.resource_class]
    return tuple(sorted([*others, run], key=lambda each: _ORDER.index(each.resource_class)))


def recorded_seconds(situation: Situation) -> int:
    wanted = {need.digest for need in situation.needs}
    return sum(run.seconds for run in situation.runs if run.digest in wanted)


def retry_time(run: ClassRun) -> datetime | None:
    """Before this time the run's attempt must not start."""
    return parse_time(run.retry_after)
