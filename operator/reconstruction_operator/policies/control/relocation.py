"""A workspace whose volume is where no GPU is: given up once, while no more than the preparation is lost.

The scheduler names a volume's place as the obstacle only for nodes that would take the pod otherwise. So the job waits
beside a free GPU, and neither time nor a finished neighbour helps. The claim is deleted and the photos are prepared
again, this time by a pod that asks for the device. Only once: where that volume can't be reached either, a person has
to look.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconstruction_api.profile import ProfileSpec
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ClassRun, StageState

from ...model import Observed
from .attempt import Outcome, Waiting, pods_of
from .needs import Need
from .obstacles import WORKSPACE_ELSEWHERE

PATIENCE = timedelta(seconds=30)
"""Within this time the GPU beside the volume may become free, or another node of its zone ready."""


def abandoned_claim(
    observed: Observed,
    profile: ProfileSpec | None,
    need: Need | None,
    run: ClassRun | None,
    outcome: Outcome | None,
    now: datetime,
) -> str | None:
    """uid of the volume claim that is given up, now or earlier; None while none is."""
    known = observed.job.status.abandoned_workspace
    if known is not None or observed.claim is None:
        return known
    moment = give_up_time(observed, profile, need, run, outcome)
    return observed.claim.uid if moment is not None and now >= moment else None


def give_up_time(
    observed: Observed, profile: ProfileSpec | None, need: Need | None, run: ClassRun | None, outcome: Outcome | None
) -> datetime | None:
    """When a workspace that is elsewhere is given up; None where it is kept."""
    if observed.job.status.abandoned_workspace is not None or need is None or run is None:
        return None
    if not isinstance(outcome, Waiting) or outcome.reason != WORKSPACE_ELSEWHERE:
        return None
    if not _may_move(observed, profile) or not _is_first_use(observed, need, run):
        return None
    created = [pod.created for pod in pods_of(run, observed) if pod.created is not None]
    return max(created) + PATIENCE if created else None


def _may_move(observed: Observed, profile: ProfileSpec | None) -> bool:
    """Another job's workspace may be gone by now, so what was copied from it is kept; so is what somebody holds."""
    spec = observed.job.spec
    if spec is None or profile is None or spec.suspend or spec.source.job_ref is not None:
        return False
    return profile.workspace.placement == "WithGPU"


def _is_first_use(observed: Observed, need: Need, run: ClassRun) -> bool:
    """Whether no pod of the class has worked in the workspace yet: only the preparation would be lost."""
    status = observed.job.status
    begun = any(
        stage.name in need.stages and stage.state in (StageState.SUCCEEDED, StageState.RUNNING)
        for stage in status.stages
    )
    reconstructs = run.resource_class is ResourceClass.RECONSTRUCT
    return reconstructs and not (begun or status.checkpoints or run.seconds or run.pods)
