"""Whether a job can be run at all: its spec is valid, its profile exists, the profile offers its engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import ValidationError

from reconstruction_api.engines import DEPTH_FUSION_ENGINE
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import CLUSTER_PROFILE_KIND, PROFILE_KIND
from reconstruction_api.profile import ClusterProfileSpec, ProfileSpec
from reconstruction_api.rules import broken_rules
from reconstruction_api.status import ProfileSnapshot, ReconstructionJobStatus
from reconstruction_api.training import DepthFusion
from reconstruction_api.worker import Failure

from ...model import JobView, Observed, ProfileView
from .destinations import forbidden_destination
from .environment import masked
from .hardware import engine_field, images_apart, missing_gpu
from .limits import excess
from .networks import forbidden_source
from .pinning import LOST, accepted_condition, is_lost, loss
from .planning import Planned, offers_fusion, planned
from .renewal import is_renewed


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The answer. A job that is not accepted is looked at again when its spec or a profile changes."""

    accepted: bool
    reason: str
    message: str
    snapshot: ProfileSnapshot | None = None
    profile: ClusterProfileSpec | None = None
    """The snapshot's fields, with their defaults."""
    failure: Failure | None = None
    planned: Planned | None = None
    """What the job runs, or would run; None where its spec can't be read."""


def accept(observed: Observed) -> Acceptance:
    """The profile is pinned for a generation of the spec: editing or deleting it never changes a running job, and never
    stands in the way of one that is to be suspended."""
    job = observed.job
    if job.spec is None:
        return _refused("InvalidSpec", job.spec_error)
    acceptance = _judged(observed, job.spec)
    if not acceptance.accepted or acceptance.snapshot is None:
        return acceptance
    lost = loss(job, acceptance.snapshot)
    return replace(acceptance, reason=LOST, message=lost) if lost else acceptance


def _judged(observed: Observed, spec: ReconstructionJobSpec) -> Acceptance:
    job = observed.job
    before = accepted_condition(job.status)
    ended = job.status.completion_time is not None and not is_renewed(job)
    if ended and is_lost(job) and before is not None and before.status == "True":  # it needs the profile no more
        return Acceptance(True, before.reason, before.message, planned=planned(job, spec, None))
    pinned = job.status.profile
    keeps = observed.profile is None or ((spec.suspend or not is_renewed(job)) and was_accepted(job.status))
    # What it was accepted with stays good enough: a newer operator disturbs no job that runs.
    started = was_accepted(job.status) and not is_renewed(job)
    if pinned is not None and pinned.name == spec.profile_name and keeps:
        return _check(job, spec, masked(pinned) or pinned, observed.destination_rival, started=started)
    if observed.profile is None:
        known = ", ".join(observed.profile_names) or "none"
        return _refused(
            "ProfileNotFound",
            f"spec.profileName: there is no ReconstructionProfile {spec.profile_name!r} in namespace "
            f"{job.key.namespace!r} and no ClusterReconstructionProfile of that name. Available: {known}.",
            planned(job, spec, None),
        )
    return _check(job, spec, snapshot(observed.profile), observed.destination_rival, started=started and is_lost(job))


def snapshot(profile: ProfileView) -> ProfileSnapshot:
    """The profile as it is now, as status may show it."""
    made = ProfileSnapshot(
        kind=PROFILE_KIND if profile.namespace else CLUSTER_PROFILE_KIND,
        name=profile.name,
        generation=profile.generation,
        spec=profile.spec,
    )
    return masked(made) or made


def profile_spec(pinned: ProfileSnapshot) -> ClusterProfileSpec:
    """The profile's fields with their defaults. Raises pydantic's ValidationError.

    What only a ClusterReconstructionProfile may say is ignored in any other profile, whatever its object holds.
    """
    if pinned.kind == CLUSTER_PROFILE_KIND:
        return ClusterProfileSpec.model_validate(pinned.spec, extra="ignore")
    plain = ProfileSpec.model_validate(pinned.spec, extra="ignore")
    return ClusterProfileSpec.model_validate(plain.model_dump(by_alias=True))


def was_accepted(status: ReconstructionJobStatus) -> bool:
    """Whether the last decision accepted the job."""
    condition = accepted_condition(status)
    return condition is not None and condition.status == "True"


def _check(
    job: JobView, written: ReconstructionJobSpec, pinned: ProfileSnapshot, rival: str, *, started: bool = False
) -> Acceptance:
    try:
        profile = profile_spec(pinned)
    except ValidationError as error:
        return _refused(
            "ProfileNotFound",
            f"{pinned.kind} {pinned.name!r} can't be used: {describe(error)}",
            planned(job, written, None),
            reason="ProfileInvalid",
        )
    whole = planned(job, written, profile)
    refusal = _refusal(written, whole.spec, profile, pinned.name, started=started)
    if refusal is not None:
        return _refused(*refusal, whole)
    if (destination := whole.spec.destination) is not None:
        error = forbidden_destination(destination, job, rival, profile, pinned.name, started=started)
        if error is not None:
            return _refused(error.code, error.message, whole)
    return Acceptance(True, "Accepted", f"Runs with {pinned.kind} {pinned.name!r}.", pinned, profile, planned=whole)


def _refusal(
    written: ReconstructionJobSpec,
    spec: ReconstructionJobSpec,
    profile: ClusterProfileSpec,
    name: str,
    *,
    started: bool,
) -> tuple[str, str] | None:
    """Code and message of what stands in the way of running such a job with the profile; `spec` says what stands for
    what `written` leaves unset. One that has `started` keeps what was allowed then."""
    engines = [engine.name for engine in profile.engines]
    if (missing := next((each for each in spec.all_engines if each not in engines), None)) is not None:
        meant = "" if written.named_engines else ", which jobs use that name no engine"
        return (
            "EngineUnavailable",
            f"spec.{engine_field(spec)}: profile {name!r} does not offer {missing!r}{meant}. "
            f"It offers: {', '.join(engines)}.",
        )
    if apart := images_apart(spec, profile, name):
        return "EngineUnavailable", apart
    if not started and written.training.depth_fusion is DepthFusion.AUTO and not offers_fusion(profile):
        return (
            "EngineUnavailable",
            f"spec.training.depthFusion: profile {name!r} does not offer {DEPTH_FUSION_ENGINE!r}. "
            f"It offers: {', '.join(engines)}.",
        )
    if not started and (broken := next(broken_rules(spec.rules, spec), None)) is not None:
        return "InvalidSpec", f"spec.{broken.field}: {broken.message}{_meaning(written, spec)}"
    if (reason := excess(spec, profile, name)) is not None:
        return reason
    if missing := missing_gpu(spec, profile, name):
        return "GPUUnavailable", missing
    if not started and (error := forbidden_source(spec, profile, name)) is not None:
        return error.code, error.message
    return None


def _meaning(written: ReconstructionJobSpec, spec: ReconstructionJobSpec) -> str:
    """What a rule is broken by that the author has left out."""
    return f" (spec.engine is unset and means {spec.chosen_engine!r})." if not written.named_engines else "."


def _refused(code: str, message: str, whole: Planned | None = None, reason: str | None = None) -> Acceptance:
    failure = Failure.from_error(ReconstructionError(code, message))
    return Acceptance(False, reason or code, message, failure=failure, planned=whole)


def describe(error: ValidationError) -> str:
    """The first mistakes of a pydantic model, each by its field."""
    lines: list[str] = []
    for entry in cast(list[dict[str, Any]], error.errors(include_url=False, include_input=False))[:5]:
        path = ".".join(str(part) for part in entry["loc"])
        lines.append(f"{path}: {entry['msg']}" if path else str(entry["msg"]))
    return "; ".join(lines)
