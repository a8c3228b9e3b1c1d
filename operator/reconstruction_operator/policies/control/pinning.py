"""Where the profile of a job is kept: in a ControllerRevision of the job, made before the status names it.

A status is written many times and read by everybody; a profile can be most of it and never changes. Only where no
revision can be made (quota, rights, another object of its name) the profile stays in the status, as earlier releases
kept it.
"""

from __future__ import annotations

from reconstruction_api.profile_revision import reference_to
from reconstruction_api.status import (
    Condition,
    ConditionType,
    ProfileRevision,
    ProfileSnapshot,
    ReconstructionJobStatus,
)

from ...actions import PinProfile
from ...manifests.child_names import profile_revision_name
from ...manifests.revision import profile_revision
from ...model import JobView, Observed
from .renewal import is_renewed

LOST = "ProfileRevisionLost"
"""Reason of Accepted: the profile as it was can't be had any more."""


def is_lost(job: JobView) -> bool:
    """Whether the revision that the status names is gone, or holds something else."""
    return job.status.profile is None and job.status.profile_revision is not None


def loss(job: JobView, known: ProfileSnapshot) -> str:
    """What people see of a job that continues with the profile as it is now, for as long as that profile counts; empty
    when nothing was lost."""
    kept, before = job.status.profile_revision, accepted_condition(job.status)
    if kept is not None and is_lost(job):
        return (
            f"Runs with {known.kind} {known.name!r} as it is now: the ControllerRevision {kept.revision!r} that "
            "kept it as it was is gone or was changed. Pods that run are left alone."
        )
    same = before is not None and before.reason == LOST and job.status.profile == known and not is_renewed(job)
    return before.message if before is not None and same else ""


def pinned_at(observed: Observed, snapshot: ProfileSnapshot | None) -> ProfileRevision | None:
    """What status says of where `snapshot` is; None keeps it in the status itself."""
    job, before = observed.job, observed.job.status
    if snapshot is None:
        return before.profile_revision
    if observed.unpinnable or (before.profile_revision is None and _has_ended_with(snapshot, before)):
        return None
    named = before.profile_revision
    if named is None or before.profile != snapshot:
        named = reference_to(snapshot, "")
    name = profile_revision_name(job.key.name, job.uid, named.digest)
    return named if named.revision == name else named.model_copy(update={"revision": name})


def to_pin(observed: Observed, snapshot: ProfileSnapshot | None, wanted: ProfileRevision | None) -> PinProfile | None:
    """The revision to make; None where the status names it already."""
    if snapshot is None or wanted is None or wanted == observed.job.status.profile_revision:
        return None
    return PinProfile(profile_revision(observed.job, snapshot, wanted.revision), wanted.digest)


def _has_ended_with(snapshot: ProfileSnapshot, status: ReconstructionJobStatus) -> bool:
    """A job that ended under an earlier release is left as it is."""
    return status.completion_time is not None and status.profile == snapshot


def accepted_condition(status: ReconstructionJobStatus) -> Condition | None:
    """What the last decision said of whether the job can be run."""
    return next((each for each in status.conditions if each.type == ConditionType.ACCEPTED), None)
