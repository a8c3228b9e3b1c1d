"""Whose the workspace's volume claim is, and whether it is still worth anything.

A claim belongs to the job that is its controller. One that has the job's name and label and no controller was restored
from a backup, or left by an earlier job of the same name: the job takes it over with all that is finished in it.
"""

from __future__ import annotations

from reconstruction_api.status import ClassRun

from ...actions import AdoptClaim
from ...manifests.metadata import labels, owner
from ...model import Claim, Observed
from .attempt import Outcome, Running, Waiting, pods_of


def is_lost(claim: Claim | None, job_uid: str, outcome: Outcome | None) -> bool:
    """Whether the claim's volume is gone. A pod that has it mounted may still finish."""
    if claim is None or claim.parent_uid != job_uid or isinstance(outcome, Running):
        return False
    return claim.phase == "Lost"


def is_held_up(observed: Observed, run: ClassRun, outcome: Outcome | None) -> bool:
    """Whether a pod waits for a claim that is being deleted, and that can't go because an earlier pod of the same child
    Job names it: one that was evicted, and whose object stays."""
    claim = observed.claim
    if claim is None or claim.parent_uid != observed.job.uid or not claim.deleting or not isinstance(outcome, Waiting):
        return False
    return not outcome.scheduled and any(pod.finished and pod.node for pod in pods_of(run, observed))


def is_orphan(observed: Observed) -> bool:
    """Whether the claim is the job's to take."""
    claim = observed.claim
    return claim is not None and not (claim.parent_uid or claim.deleting) and claim.job_name == observed.job.key.name


def adoptions(observed: Observed) -> tuple[AdoptClaim, ...]:
    """The claim becomes the job's, whether or not a pod is to use it next: it is deleted with its job."""
    claim, job = observed.claim, observed.job
    if claim is None or not is_orphan(observed) or job.spec is None:
        return ()
    return (AdoptClaim(claim.name, claim.uid, labels(job), owner(job)),)
