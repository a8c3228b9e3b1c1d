"""Runs a job's stages in this process tree, and shows the user the result."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from reconstruction_api.defaults import completed
from reconstruction_api.errors import ExitCode, ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.metric_names import Metric
from reconstruction_api.readable import byte_size
from reconstruction_api.source import Source
from reconstruction_api.stages import ResourceClass, Stage, StageName, graph_of, reused_stages, stages_of
from reconstruction_api.text import one_line
from reconstruction_worker.executor import STAGE_PACKAGE, Outcome, Run, execute, log_of
from reconstruction_worker.observers import Observers
from reconstruction_worker.process import StopRequest
from reconstruction_worker.records import read_record

from .deadlines import SYSTEM, Clock, Deadlines
from .display import display_for
from .failure import print_failure
from .jobs import (
    LocalFolders,
    check_camera_path,
    check_engine,
    check_hardware,
    local_delivery,
    local_source,
    parse_folders,
    read_job,
)
from .results import deliver


def run_locally(
    job_file: Path,
    *,
    out: Path | None,
    volumes: tuple[str, ...],
    jobs: tuple[str, ...],
    source: Path | None,
    until: str | None,
    verify: bool,
    from_destination: bool = False,
    package: str = STAGE_PACKAGE,
    clock: Clock = SYSTEM,
) -> ExitCode:
    """Run a job and print its end. Raises ReconstructionError for what is wrong before the first stage."""
    job = read_job(job_file)
    stages = _stages_until(until, _stages_that_deliver(job.spec) if from_destination else graph_of(job.spec))
    if any(stage.name is StageName.TRAIN for stage in stages):
        for engine in job.spec.all_engines:
            check_engine(engine)
        check_hardware(job.spec)
    if any(stage.name is StageName.RENDER for stage in stages):
        check_camera_path(job.spec, job_file)
    out = out if out is not None else Path("out") / job.metadata.name
    folders = LocalFolders(
        job_file, parse_folders("volume", "CLAIM", volumes), parse_folders("job", "NAME", jobs), out.parent
    )
    workspace = (out / "workspace").resolve()
    photos, added = source, None
    if not from_destination:
        photos = source if source is not None else _photos(job.spec, folders, workspace)
        added = local_source(job.spec.source.without_job(), folders) if job.spec.source.adds_photos else None
    spec = completed(job.spec)
    if source is not None and spec.source.job_ref is not None:  # photos instead of the other job's results
        spec = spec.model_copy(update={"source": Source(uri=str(source))})
    stop = StopRequest()
    deadlines = Deadlines(spec, workspace, stop, clock)
    run = Run(
        spec=spec,
        workspace=workspace,
        stages=stages,
        source=photos.absolute() if photos is not None else None,
        added=added.absolute() if added is not None else None,
        job_name=job.metadata.name,
        verify=verify,
        may_work=deadlines.may_work,
        package=package,
        delivery=local_delivery(job, folders),
        camera_path=job_file.resolve().parent,
    )
    console = Console()
    with (
        stop.on_signals(),
        display_for(console, f"{job.metadata.name} ({', '.join(spec.all_engines)})", stages, stop) as display,
    ):
        outcome = deadlines.judge(execute(run, Observers([deadlines, display]), stop))
    _print_end(console, outcome, run.workspace, out, deadlines.hold)
    return outcome.exit_code


def _photos(spec: ReconstructionJobSpec, folders: LocalFolders, workspace: Path) -> Path | None:
    """Where they are, as `local_source` says; what has been copied from another job makes that job dispensable."""
    try:
        return local_source(spec.source, folders)
    except ReconstructionError:
        copied = reused_stages(spec)
        if copied and all(read_record(workspace, stage) is not None for stage in copied):
            return None
        raise


def _stages_that_deliver(spec: ReconstructionJobSpec) -> tuple[Stage, ...]:
    """Raises InvalidSpec for a job that publishes nothing."""
    if spec.destination is None:
        raise ReconstructionError(
            "InvalidSpec",
            "--from-destination: spec.destination is not set, so there are no published results.",
            details={"field": "spec.destination"},
        )
    return stages_of(ResourceClass.DELIVER, graph_of(spec))


def _stages_until(last: str | None, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The stages up to the one named, its own included."""
    if last is None:
        return stages
    names = [stage.name.value for stage in stages]
    if last not in names:
        raise click.UsageError(f"--until {last}: there is no such stage. Stages: {', '.join(names)}.")
    return stages[: names.index(last) + 1]


def _print_end(console: Console, outcome: Outcome, workspace: Path, out: Path, hold: str) -> None:
    """`hold` says which field stopped the run, if one did."""
    if outcome.failure is not None:
        log = log_of(workspace, outcome.failure.stage or "executor")
        wanted = outcome.failure.code in ("InternalError", "HostOutOfMemory", "GPUOutOfMemory") and log.exists()
        print_failure(outcome.failure, str(log) if wanted else None)
    elif outcome.stopped and hold:
        console.print(Text(hold), soft_wrap=True)
    elif outcome.stopped:
        console.print("Stopped. Run the same command again to continue.", highlight=False)
    elif outcome.paused_after is not None:
        console.print(
            Text(f"Paused after {outcome.paused_after}, as spec.pauseAfter asks. Its result is in {workspace}."),
            soft_wrap=True,
        )
        console.print("To continue, clear the field and run the same command again.", highlight=False)
    elif _has(outcome, StageName.REPORT):
        _print_results(console, outcome, deliver(workspace, out, bundled=_has(outcome, StageName.BUNDLE)), out)
    else:
        console.print(Text(f"Results so far are in {workspace}"), soft_wrap=True)


def _has(outcome: Outcome, stage: StageName) -> bool:
    return any(result.name is stage for result in outcome.stages)


def _print_results(console: Console, outcome: Outcome, files: list[Path], out: Path) -> None:
    numbers = outcome.metrics
    if Metric.PSNR in numbers:
        ssim = f", SSIM {numbers[Metric.SSIM]}" if Metric.SSIM in numbers else ""
        console.print(Text(f"Held-out views: PSNR {numbers[Metric.PSNR]} dB{ssim}"))
    console.print(Text(f"Results in {out}:"), soft_wrap=True)
    for result in outcome.stages:
        if result.name is StageName.PUBLISH:
            console.print(Text(f"Published: {result.message}"), soft_wrap=True)
    for file in files:
        console.print(
            Text(f"  {one_line(str(file.relative_to(out)))}  {byte_size(file.stat().st_size)}"), soft_wrap=True
        )
    for result in outcome.stages:
        if result.name is StageName.EVALUATE:
            console.print(Text(f"Quality: {result.message}"), soft_wrap=True)
