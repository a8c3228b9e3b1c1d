"""Stages, live numbers, metrics and artifacts in status, from what workers report.

A stage that has been reported as done stays done for its digest, whatever happens to the pod afterwards: its result is
in the workspace and will not be made again.
"""

from __future__ import annotations

import math
from datetime import datetime

from reconstruction_api.metric_limits import limited
from reconstruction_api.stages import STAGES, ResourceClass, Stage, StageName, graph_of, overall_percent
from reconstruction_api.status import (
    ClassRun,
    JobProgress,
    ReconstructionJobStatus,
    StageState,
    StageStatus,
)
from reconstruction_api.worker import Artifact, Checkpoint, Progress, ProgressUpdate, StageResult

from ...model import Observed
from ...times import format_time
from ..control.attempt import Running
from ..control.credible import credible_update
from ..control.needs import Need
from ..control.situation import AttemptReport, Situation


def live_update(observed: Observed, situation: Situation) -> ProgressUpdate | None:
    """The latest update, if it comes from the attempt that runs now."""
    live, current = observed.live, situation.current
    if live is None or current is None or not isinstance(situation.outcome, Running):
        return None
    fits = (live.uid, live.attempt, live.resource_class) == (
        observed.job.uid,
        current.attempt,
        current.resource_class,
    )
    if not fits:
        return None
    need = next((each for each in situation.needs if each.digest == current.digest), None)
    return credible_update(live, need) if need is not None else None


def stage_statuses(observed: Observed, situation: Situation, now: datetime) -> list[StageStatus]:
    """All stages in running order."""
    previous = {} if situation.starts_over else {stage.name: stage for stage in observed.job.status.stages}
    live = live_update(observed, situation)
    runs = {run.digest: run for run in situation.runs}
    statuses: list[StageStatus] = []
    for need in situation.needs:
        run = runs.get(need.digest)
        results = _results(need, situation.attempt_reports, live)
        running = live.progress if live and live.resource_class == need.resource_class else None
        for name, digest in need.stages.items():
            before = previous.get(name) or StageStatus(name=name, state=StageState.PENDING)
            statuses.append(_stage_status(before, name, digest, run, results.get(name), running, situation, now))
    return statuses


def _results(
    need: Need, attempt_reports: tuple[AttemptReport, ...], live: ProgressUpdate | None
) -> dict[str, StageResult]:
    """What attempts say of the stages. A final report is of the settings that its attempt was started for: a worker of
    another release, which has no plan, may work out other digests."""
    reports = [each.report for each in attempt_reports if each.run.digest == need.digest]
    final = [result for report in reports for result in report.stages if result.name in need.stages]
    results = [result.model_copy(update={"digest": need.stages[result.name]}) for result in final]
    if live is not None and live.resource_class == need.resource_class:
        results += live.stages
    return {result.name: result for result in results}


def _stage_status(
    before: StageStatus,
    name: str,
    digest: str,
    run: ClassRun | None,
    result: StageResult | None,
    running: Progress | None,
    situation: Situation,
    now: datetime,
) -> StageStatus:
    if before.state == StageState.SUCCEEDED and before.digest == digest:
        return before
    if run is None:
        return StageStatus(name=name, state=StageState.PENDING)
    pending = StageStatus(name=name, state=StageState.PENDING)
    attempt = pending.model_copy(update={"attempt": run.attempt, "job_name": run.job_name})
    ran_before = before.state == StageState.RUNNING and before.attempt == run.attempt
    started = before.start_time if ran_before else None
    if run.completed or (result is not None and result.digest == digest):
        done = {"state": StageState.SUCCEEDED, "start_time": started, "completion_time": format_time(now)}
        return attempt.model_copy(update=done | {"digest": digest, "message": result.message if result else ""})
    failure = situation.failure
    if failure is not None and failure.stage == name:
        failed = {"state": StageState.FAILED, "start_time": before.start_time, "message": failure.message}
        return attempt.model_copy(update=failed)
    if running is not None and running.stage == name:
        runs_now = {"state": StageState.RUNNING, "start_time": started or format_time(now)}
        return attempt.model_copy(update=runs_now)
    if ran_before and running is None and isinstance(situation.outcome, Running):
        return before  # no update has come since the operator started: what was true still is
    return pending


def current_stage(stages: list[StageStatus], situation: Situation) -> str | None:
    """The stage that runs; between stages the one that is next; at the end the last."""
    for state in (StageState.FAILED, StageState.RUNNING):
        for stage in stages:
            if stage.state == state:
                return stage.name
    for stage in stages:
        if stage.state != StageState.SUCCEEDED:
            return stage.name if situation.acceptance.accepted else None
    return stages[-1].name if stages else None


def job_progress(observed: Observed, situation: Situation, stages: list[StageStatus], now: datetime) -> JobProgress:
    """How far the whole job is. Never goes back within the same settings."""
    graph = _graph(observed, situation)
    known = {stage.name.value: stage.name for stage in graph}
    done = [known[stage.name] for stage in stages if stage.state == StageState.SUCCEEDED and stage.name in known]
    live, before = live_update(observed, situation), observed.job.status.progress
    if live is not None and live.progress is not None and live.progress.stage not in done:
        return _from_worker(live.progress, done, before, graph, now)
    percent = overall_percent(done, None, 0, graph)
    if before is not None and isinstance(situation.outcome, Running) and before.percent >= percent:
        return before
    return JobProgress(percent=percent)


def _graph(observed: Observed, situation: Situation) -> tuple[Stage, ...]:
    whole = situation.acceptance.planned
    if whole is not None:
        return whole.plan.graph()
    return graph_of(observed.job.spec) if observed.job.spec is not None else STAGES


def _from_worker(
    progress: Progress, done: list[StageName], before: JobProgress | None, graph: tuple[Stage, ...], now: datetime
) -> JobProgress:
    percent = progress.percent if math.isfinite(progress.percent) else 0.0
    fresh = JobProgress(
        percent=overall_percent(done, progress.stage, percent, graph),
        stage_percent=min(100, max(0, int(percent))),
        step=progress.step,
        total_steps=progress.total_steps,
        eta_seconds=_whole(progress.eta_seconds),
        loss=_decimal(progress.loss, 6),
        psnr=_decimal(progress.psnr, 2),
        held_out_psnr=_decimal(progress.held_out_psnr, 2),
        held_out_ssim=_decimal(progress.held_out_ssim, 3),
        held_out_lpips=_decimal(progress.held_out_lpips, 3),
        trend=progress.trend,
        steps_per_second=_decimal(progress.steps_per_second, 2),
        rays_per_second=_whole(progress.rays_per_second),
        gpu_memory_bytes=progress.gpu_memory_bytes,
        gpu_percent=_whole(progress.gpu_percent),
        memory_bytes=progress.memory_bytes,
        cpu_percent=_whole(progress.cpu_percent),
        disk_free_bytes=progress.disk_free_bytes,
        message=progress.message,
        last_update_time=format_time(now),
    )
    if before is not None and fresh == before.model_copy(update={"last_update_time": fresh.last_update_time}):
        return before
    return fresh


def metrics(observed: Observed, situation: Situation) -> dict[str, str | int]:
    """Numbers of all stages, no more than fit; a spec that makes the training outdated drops them."""
    keeps = not situation.starts_over and _keeps_training(observed.job.status, situation)
    result = dict(observed.job.status.metrics) if keeps else {}
    for each in situation.attempt_reports:
        result |= each.report.metrics
    live = live_update(observed, situation)
    return limited(result | live.metrics if live is not None else result)


def checkpoints(observed: Observed, situation: Situation) -> list[Checkpoint]:
    """What a stopped training would resume from; a spec that makes the training outdated drops them."""
    live = live_update(observed, situation)
    reports = [*(each.report for each in situation.attempt_reports), *([live] if live is not None else [])]
    for report in reversed(reports):
        if report.checkpoints is not None:
            return report.checkpoints
    keeps = not situation.starts_over and _keeps_training(observed.job.status, situation)
    return observed.job.status.checkpoints if keeps else []


def _keeps_training(status: ReconstructionJobStatus, situation: Situation) -> bool:
    """Changed exports leave the quality as it is; anything earlier does not."""
    wanted = {need.digest for need in situation.needs}
    earlier = [run for run in status.runs if run.resource_class is not ResourceClass.DELIVER]
    return not situation.renewed or all(run.digest in wanted for run in earlier)


def artifacts(observed: Observed, situation: Situation) -> list[Artifact]:
    """What was delivered for the current settings."""
    if not situation.done:
        return []
    for each in reversed(situation.attempt_reports):
        if each.report.artifacts:
            return each.report.artifacts
    return observed.job.status.artifacts


def _whole(number: float | None) -> int | None:
    return None if number is None or not abs(number) < 1e15 else round(number)


def _decimal(number: float | None, digits: int) -> str | None:
    return None if number is None or not abs(number) < 1e9 else f"{number:.{digits}f}"
