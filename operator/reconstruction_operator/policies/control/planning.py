"""What a job runs: its spec with the defaults that were filled in, and its plan, as they were when it was accepted.

Both are kept in status. Neither a profile that was edited nor a later release changes them; only a change of the spec
does, and only as far as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from reconstruction_api.baseline import BASELINE
from reconstruction_api.defaults import (
    DEPTH_FUSION,
    FIRST_RELEASE,
    PATHS,
    JobDefaults,
    Values,
    completed,
    filled,
    value_at,
    values_of,
)
from reconstruction_api.engines import DEPTH_FUSION_ENGINE
from reconstruction_api.first_release import FIRST_STAGES
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.plan import JobPlan, fresh_plan, renewed_plan
from reconstruction_api.profile import ProfileSpec
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ProfileSnapshot, ReconstructionJobStatus, StageState

from ...model import JobView


@dataclass(frozen=True, slots=True)
class Planned:
    """A job as it is to be run."""

    spec: ReconstructionJobSpec
    """With what stands for the fields that are unset."""
    defaults: Values
    """What was filled in."""
    plan: JobPlan


def planned(job: JobView, spec: ReconstructionJobSpec, profile: ProfileSpec | None) -> Planned:
    """Of a job with this spec, as its author left it; without a profile by what is known of it and what is built in."""
    if job.status.plan is None and job.status.runs:
        return _adopted(job, spec)
    offered = values_of(profile.defaults) if profile is not None else {}
    kept, barred = _kept(spec, job.status)
    fill = filled(spec, kept, {path: value for path, value in offered.items() if path not in barred})
    if profile is not None and not offers_fusion(profile):
        fill.pop(DEPTH_FUSION, None)
    whole = completed(spec, fill)
    return Planned(whole, fill, _plan(job, whole))


def _plan(job: JobView, spec: ReconstructionJobSpec) -> JobPlan:
    before = job.status.plan
    if before is None or not before.stages:
        return fresh_plan(spec, job.generation)
    if before.generation == job.generation:
        return before
    return renewed_plan(before, spec, job.generation)


def offers_fusion(profile: ProfileSpec) -> bool:
    """Whether jobs with the profile may have their depth maps fused in the place of a training."""
    return any(engine.name == DEPTH_FUSION_ENGINE for engine in profile.engines)


def _kept(spec: ReconstructionJobSpec, status: ReconstructionJobStatus) -> tuple[Values, frozenset[str]]:
    """What stood for unset fields before, and the fields that nothing stood for: a default that the profile has been
    given since does not reach them. The engine of a job, and whether depth maps are fused in its place, never change;
    the rest goes with the profile's name."""
    engine: Values = {"engine": status.engine} if status.engine else {}
    if DEPTH_FUSION in status.defaults:
        engine[DEPTH_FUSION] = status.defaults[DEPTH_FUSION]
    accepted_with = status.accepted_profile
    if accepted_with is None or accepted_with.name != spec.profile_name or status.plan is None:
        return engine, frozenset()
    settings = status.plan.settings
    known = {path: value for path, value in status.defaults.items() if path in PATHS}
    free = (path for path in PATHS if path not in BASELINE and path not in known)
    return {**known, **engine}, frozenset(path for path in free if value_at(settings, path) is None)


def _adopted(job: JobView, spec: ReconstructionJobSpec) -> Planned:
    """The plan of a job whose status has none: an operator that keeps no plan has accepted it, or has written its
    status since. The digests it left show what it took for unset fields, and which stages it knew."""
    best: tuple[tuple[int, bool], Planned] | None = None
    engine, _ = _kept(spec, job.status)
    for layers in ((engine, _pinned_defaults(job.status.profile)), (FIRST_RELEASE,)):
        fill = filled(spec, *layers)
        fill.pop(DEPTH_FUSION, None)  # that operator knew nothing of it
        whole = completed(spec, fill)
        for stages in (FIRST_STAGES, None):
            plan = fresh_plan(whole, job.generation, stages)
            agreement = _agreement(plan, job.status)
            if best is None or agreement > best[0]:
                best = agreement, Planned(whole, fill, plan)
    assert best is not None
    return best[1]


def _agreement(plan: JobPlan, status: ReconstructionJobStatus) -> tuple[int, bool]:
    """How much of what the job has done so far fits the plan, and whether its stages are those in status."""
    digests = plan.digests()
    classes = {each: plan.class_digest(each) for each in ResourceClass}
    runs = sum(run.digest == classes.get(run.resource_class) for run in status.runs)
    done = (each for each in status.stages if each.state is StageState.SUCCEEDED)
    fits = runs + sum(each.digest is not None and each.digest == digests.get(each.name) for each in done)
    return fits, [each.name for each in status.stages] == [stage.name for stage in plan.stages]


def _pinned_defaults(profile: ProfileSnapshot | None) -> Values:
    """Those of the profile that the job was accepted with, which even an operator keeps that does not know them."""
    try:
        kept: Any = profile.spec.get("defaults") if profile is not None else None
        return values_of(JobDefaults.model_validate(kept or {}, extra="ignore"))
    except ValidationError:
        return {}
