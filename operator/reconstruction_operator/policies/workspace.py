"""When the workspace and what works in it go."""

from __future__ import annotations

from ..model import Observed
from ..plan import DeleteClaim, DeletePod
from .advance import Situation

_GRACE_SECONDS = 2
"""A cancelled pod saves nothing: its hardware is free at once."""


def removals(observed: Observed, situation: Situation) -> tuple[DeletePod | DeleteClaim, ...]:
    """Pods and the claim of a job whose files nobody wants any more. Kubernetes keeps the claim until the last pod that
    uses it has ended."""
    if not situation.cancelled:
        return ()
    pods = [DeletePod(pod.name, pod.uid, _GRACE_SECONDS) for pod in observed.pods if not (pod.finished or pod.deleting)]
    claim = observed.claim
    if claim is None or claim.deleting or claim.parent_uid != observed.job.uid:
        return tuple(pods)
    return (*pods, DeleteClaim(claim.name, claim.uid))
