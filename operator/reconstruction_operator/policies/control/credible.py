"""What is taken from a worker's report: what the pod was asked to do, and nothing that others would be sent to.

A worker runs in a pod of the tenant and may say anything. It can spoil its own job; it has no say about stages of other
pods, and can't present files of other volumes as the job's own.
"""

from __future__ import annotations

from dataclasses import replace

from reconstruction_api.stages import ResourceClass, StageName
from reconstruction_api.worker import Artifact, Failure, PodReport, ProgressUpdate, StageResult

from ...manifests.child_names import claim_name
from ...model import JobView
from .attempt import Completed, Failed, Interrupted, Outcome, Paused
from .destinations import published_at
from .needs import Need


def credible_outcome(outcome: Outcome, need: Need, job: JobView) -> Outcome:
    """The outcome with what its report may say."""
    if not isinstance(outcome, Completed | Paused | Failed | Interrupted) or outcome.report is None:
        return outcome
    report = credible_report(outcome.report, need, job)
    if isinstance(outcome, Failed):
        return replace(outcome, report=report, failure=_failure(outcome.failure, need))
    return replace(outcome, report=report)


def credible_report(report: PodReport, need: Need, job: JobView) -> PodReport:
    """The report without what its pod can't know."""
    return report.model_copy(
        update={
            "stages": _stages(report.stages, need),
            "artifacts": _artifacts(report.artifacts, need, job),
            "checkpoints": report.checkpoints if _trains(need) else None,
            "paused_after": report.paused_after if report.paused_after in need.stages else None,
        }
    )


def credible_update(update: ProgressUpdate, need: Need) -> ProgressUpdate:
    """The update without what its pod can't know."""
    progress = update.progress
    return update.model_copy(
        update={
            "progress": progress if progress is not None and progress.stage in need.stages else None,
            "stages": _stages(update.stages, need),
            "checkpoints": update.checkpoints if _trains(need) else None,
        }
    )


def _stages(results: list[StageResult], need: Need) -> list[StageResult]:
    return [each for each in results if each.name in need.stages]


def _artifacts(artifacts: list[Artifact], need: Need, job: JobView) -> list[Artifact]:
    """Only in the job's own workspace, or where it publishes."""
    if StageName.REPORT not in need.stages:
        return []
    places = (f"pvc://{claim_name(job.key.name)}/", *published_at(job))
    return [each for each in artifacts if each.uri.startswith(places) and _is_plain(each.uri)]


def _is_plain(uri: str) -> bool:
    """Whether an address leads where it begins, and holds nothing that could be a signature."""
    return not {".", ".."} & set(uri.split("/")) and not {"?", "#", "@"} & set(uri)


def _trains(need: Need) -> bool:
    return need.resource_class is ResourceClass.RECONSTRUCT


def _failure(failure: Failure, need: Need) -> Failure:
    known = failure.stage is None or failure.stage in need.stages
    return failure if known else failure.model_copy(update={"stage": None})
