"""What keeps a job that has not ended from running: a suspension, a pause, the soft deadline.

Each is decided from the spec and from what has been done, so it ends as soon as the field that asks for it changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.reasons import Reason
from reconstruction_api.stages import StageName, pause_stage
from reconstruction_api.status import ClassRun, StageState, StageStatus
from reconstruction_api.worker import PodReport

from .needs import Need

SUSPENDED, PAUSED, SOFT_DEADLINE = Reason.SUSPENDED, Reason.PAUSED, Reason.SOFT_DEADLINE_EXCEEDED


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is started, and what runs saves a checkpoint and stops."""

    reason: str
    message: str


def hold_of(
    spec: ReconstructionJobSpec,
    needs: tuple[Need, ...],
    runs: tuple[ClassRun, ...],
    stages: list[StageStatus],
    reports: list[PodReport],
    spent_seconds: float,
    *,
    deadline_is_own: bool = True,
) -> Hold | None:
    """`stages` is what was known to be done before, `reports` what pods have said since. `deadline_is_own` says whether
    the soft deadline is written in the spec, or filled in."""
    if spec.suspend:
        return Hold(SUSPENDED, "spec.suspend is true; finished steps and checkpoints are kept.")
    stage = pause_stage(spec)
    if stage is not None and _is_done(stage, needs, runs, stages, reports):
        return Hold(
            PAUSED,
            f"Paused after {stage}: look at its result, then clear spec.pauseAfter, or name a later stage.",
        )
    limit = spec.soft_deadline_seconds
    if limit is not None and spent_seconds >= limit:
        step = "Raise or clear the field" if deadline_is_own else "Set a larger number"
        return Hold(
            SOFT_DEADLINE,
            f"The job has run for {limit} s, as long as spec.softDeadlineSeconds allows; finished steps and "
            f"checkpoints are kept. {step} to continue.",
        )
    return None


def _is_done(
    name: StageName,
    needs: tuple[Need, ...],
    runs: tuple[ClassRun, ...],
    stages: list[StageStatus],
    reports: list[PodReport],
) -> bool:
    need = next((need for need in needs if name in need.stages), None)
    if need is None:
        return False
    digest = need.stages[name]
    if any(run.completed and run.digest == need.digest for run in runs):
        return True
    if any((each.name, each.digest, each.state) == (name, digest, StageState.SUCCEEDED) for each in stages):
        return True
    # Reports are of attempts for these settings, also where a worker of another release works out another digest.
    return any(each.name == name for report in reports for each in report.stages)
