"""Runs stages of a job in a workspace, in order; what is already there and still true is not run again."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from reconstruction_api.errors import CATALOGUE, ExitCode, ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.metric_names import Metric
from reconstruction_api.plan import WorkerPlan, WorkerStage
from reconstruction_api.stages import USUAL_STAGES, Stage, StageName, pause_stage, reused_stages, stage_digests
from reconstruction_api.worker import Failure, NetworkAccess, Progress, SourceLimits, StageResult

from .child_events import StageRequest
from .engine_libraries import decisive_libraries, libraries_for
from .failures import from_exception
from .files import empty_folder, sha256_of
from .ingest.limits import limits_from
from .ingest.listing import access_to, describe, identity
from .libraries import Versions, read_libraries, write_libraries
from .process import ChildResult, StopRequest, run_in_child
from .records import (
    CODE_VERSIONS,
    StageRecord,
    clear_started,
    damaged_output,
    mark_started,
    outputs_of,
    peak_memory_bytes,
    read_record,
    record_key,
    remove_record,
    started_key,
    write_record,
)
from .redaction import Redactor, secrets_of
from .reuse import reusable_record
from .side_by_side.runs import APART, Lent, ensure_each
from .space_needed import bytes_needed
from .stage import Delivery, Stopped, folder_of
from .turntable.path_place import path_file_of
from .workspace import MIN_FREE_BYTES, check_space, locked

STAGE_PACKAGE: Final = "reconstruction_worker.stages"
REUSE_MODULE: Final = "reconstruction_worker.reuse"
"""Runs instead of a stage's own module where another job's result is taken over."""
FROM_DESTINATION_PACKAGE: Final = "reconstruction_worker.from_destination"
"""Has modules of these stages for jobs whose workspace is gone and whose results were published."""
_FROM_DESTINATION: Final = (StageName.EXPORT, StageName.RENDER, StageName.REPORT)
SAVING_GRACE_SECONDS: Final = 3600.0
"""How long a stage that saves on a stop may take for it (in a pod the kubelet is less patient). One that has nothing to
save yet ends at once."""
GRACE_SECONDS: Final = 3.0
"""How long any other stage may: its work is lost either way."""

_CONNECTED: Final = (StageName.INGEST, StageName.PUBLISH)
"""Stages that connect to storage."""


class Observer(Protocol):
    """Is notified of what happens; must not raise."""

    def stage_started(self, stage: StageName, *, resumed: bool) -> None: ...

    def stage_progressed(self, progress: Progress) -> None: ...

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None: ...

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None: ...

    def stopped(self, stage: StageName | None) -> None: ...


@dataclass(frozen=True)
class Run:
    """Which stages of which job, where."""

    spec: ReconstructionJobSpec
    workspace: Path
    stages: Sequence[Stage] = USUAL_STAGES
    source: Path | None = None
    """Where the photos are on this machine, or the workspace of the job that spec.source.jobRef names; None when ingest
    has to fetch them."""
    added: Path | None = None
    """Where the photos are on this machine that spec.source.jobRef.addPhotos adds; None when they have to be
    fetched."""
    job_name: str = "reconstruction"
    """What the report calls the job."""
    limits: SourceLimits = field(default_factory=SourceLimits)
    """What the profile allows a source to hold."""
    plan: WorkerPlan | None = None
    """What the job was accepted with, where an operator says so; otherwise the spec and this worker's own code
    decide."""
    network: NetworkAccess | None = None
    """What stages may connect to in a worker pod; None leaves a local run unguarded."""
    package: str = STAGE_PACKAGE
    """Package with a module for each stage."""
    verify: bool = False
    """Compare every byte of large outputs before skipping a stage."""
    may_work: Callable[[], bool] = lambda: True
    """Asked before a stage is run, not where it is skipped; when the answer is no, the run stops there."""
    min_free_bytes: int = MIN_FREE_BYTES
    credentials: Path | None = None
    """Folder with the credentials of the source's Secret; None where the environment has them."""
    delivery: Delivery | None = None
    """Whose results are published; None where none are."""
    destination_credentials: Path | None = None
    """Folder with the credentials of the destination's Secret; None where the environment has them."""
    earlier_credentials: Path | None = None
    """The same of the destination that the job had before, where its results are built on."""
    camera_path: Path | None = None
    """Folder with the file that spec.turntable.pathFile names."""
    lock_patience_seconds: float = 15.0
    attempts: int = 1
    """Of pods that the job has for a failure that may pass, this one included; a local run is the only one."""


@dataclass
class Outcome:
    """How a run ended."""

    stages: list[StageResult] = field(default_factory=list)
    metrics: dict[str, str | int] = field(default_factory=dict)
    failure: Failure | None = None
    stopped: bool = False
    paused_after: StageName | None = None
    """The run ended before its last stage, because the spec asks for a pause after this one."""

    @property
    def exit_code(self) -> ExitCode:
        if self.failure is not None:
            return CATALOGUE[self.failure.code].exit_code
        return ExitCode.RESUMABLE_STOP if self.stopped else ExitCode.DONE


def execute(run: Run, observer: Observer, stop: StopRequest) -> Outcome:
    """Run all stages until one fails, the spec asks for a pause, or a stop is asked for.

    Failures are in the outcome, never raised.
    """
    outcome = Outcome()
    current: StageName | None = None
    try:
        with locked(run.workspace, run.lock_patience_seconds) as lock:
            for stage in run.stages:
                if stop.requested:
                    raise Stopped
                current = stage.name
                if _is_compared(run, stage):
                    record, skipped = ensure_each(run, stage, observer, stop, lock, _LENT)
                else:
                    record, skipped = _ensure_stage(run, stage, observer, stop, lock)
                result = _result_of(run, record, skipped=skipped)
                outcome.stages.append(result)
                outcome.metrics.update(record.metrics | {Metric.PEAK_MEMORY_BYTES: peak_memory_bytes(run.workspace)})
                observer.stage_ended(result, record.metrics)
                if stage.name is pause_stage(run.spec) and stage is not run.stages[-1]:
                    outcome.paused_after = stage.name
                    break
    except Stopped:
        outcome.stopped = True
        observer.stopped(current)
    except Exception as exception:  # the edge: from here on a failure is data
        error = from_exception(exception, current or run.stages[0].name, run.workspace)
        if not isinstance(exception, ReconstructionError):
            _log_traceback(run)
        outcome.failure = Failure.from_error(error, current)
        observer.stage_failed(current, outcome.failure)
    return outcome


def log_of(workspace: Path, stage: StageName | str) -> Path:
    """Where a stage's libraries print to."""
    return workspace / "logs" / f"{stage}.log"


def _is_compared(run: Run, stage: Stage) -> bool:
    """Whether a stage runs for each of several engines. Published files are delivered as they are."""
    return run.spec.engines is not None and stage.name in APART and not _starts_from_destination(run, stage)


def _ensure_stage(run: Run, stage: Stage, observer: Observer, stop: StopRequest, lock: int) -> tuple[StageRecord, bool]:
    """The record of a stage whose files are true for the run's spec, and whether they were there before."""
    inputs = _digests_of_inputs(run, stage)
    record = read_record(run.workspace, stage.name)
    if record and _still_holds(run, stage, record, inputs):
        return record, True
    if not run.may_work():
        raise Stopped

    source = _identity_of_source(run, stage)
    version = _version_made(run, stage)
    key = _key(run, stage, inputs, source)
    needed = bytes_needed(stage.name, run.workspace, run.spec)
    check_space(run.workspace, f"stage {stage.name}", max(run.min_free_bytes, needed))
    remove_record(run.workspace, stage.name)
    folder = folder_of(run.workspace, stage.name)
    resumed = stage.resumes and folder.is_dir() and started_key(run.workspace, stage.name) == key
    if not resumed:
        clear_started(run.workspace, stage.name)
        empty_folder(folder)
        mark_started(run.workspace, stage.name, key)
    observer.stage_started(stage.name, resumed=resumed)
    started = time.monotonic()
    result = _run(run, stage, observer, stop, lock)
    record = StageRecord(
        stage=stage.name,
        key=key,
        digest=_digest_of(run, stage.name),
        code_version=version,
        inputs=inputs,
        source=source,
        outputs=outputs_of(run.workspace, stage.name),
        message=result.message,
        metrics=result.metrics,
        seconds=round(time.monotonic() - started, 3),
        peak_memory_bytes=result.peak_memory_bytes,
        completed=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    write_libraries(run.workspace, stage.name, key, _libraries_used(run, stage.name))
    write_record(run.workspace, record)
    clear_started(run.workspace, stage.name)
    return record, False


def _key(run: Run, stage: Stage, inputs: Mapping[str, str], source: str | None) -> str:
    return record_key(stage, run.spec, inputs, source, _version_made(run, stage), _decisive_libraries(run, stage.name))


def _key_now(run: Run, stage: Stage) -> str:
    """What the stage's files depend on at this moment."""
    return _key(run, stage, _digests_of_inputs(run, stage), _identity_of_source(run, stage))


def _still_holds(run: Run, stage: Stage, record: StageRecord, inputs: Mapping[str, str]) -> bool:
    """Whether a stage's files are true for the run's spec. What was copied from another job stays, whatever becomes of
    that job, and so do photos that were prepared before their source went out of reach."""
    copied = stage.name in reused_stages(run.spec)
    if copied:
        source = record.source
    elif stage.name is StageName.INGEST and run.source is not None:
        source = _identity_of_photos(run, run.source) or record.source
    elif stage.name is StageName.RENDER:
        source = _identity_of_path(run) or record.source
    else:
        source = None
    versions, libraries = _accepted_versions(run, stage.name), _decisive_libraries(run, stage.name)
    if copied:
        versions = (*versions, record.code_version)  # judged when it was copied
    keys = (record_key(stage, run.spec, inputs, source, version, libraries) for version in versions)
    fits = record.key in keys or _is_as_planned(run, record, inputs, source)
    return fits and damaged_output(run.workspace, record, every_byte=run.verify) is None


def _is_as_planned(run: Run, record: StageRecord, inputs: Mapping[str, str], source: str | None) -> bool:
    """Whether a result is the one that the job's plan means, as the release saw it that made the plan: this one's key
    of the same settings may be another."""
    planned = _planned(run, record.stage)
    if planned is None or (record.digest, record.inputs, record.source) != (planned.digest, inputs, source):
        return False
    return planned.completed or (
        record.code_version in _accepted_versions(run, record.stage) and _has_its_libraries(run, record)
    )


def _decisive_libraries(run: Run, stage: StageName) -> Versions:
    """Versions that the engine's results change with. What was copied from another job stays what it is."""
    if stage is not StageName.TRAIN or stage in reused_stages(run.spec):
        return {}
    return decisive_libraries(run.spec.chosen_engine)


def _has_its_libraries(run: Run, record: StageRecord) -> bool:
    """Whether a result was made with the versions that are installed, as far as the engine's results change with
    them."""
    used = read_libraries(run.workspace, record.stage, record.key)
    return all(used.get(name) == version for name, version in _decisive_libraries(run, record.stage).items())


def _libraries_used(run: Run, stage: StageName) -> Versions:
    """For a stage that has just run here, or that was copied from the job in whose workspace `run.source` is."""
    if stage not in reused_stages(run.spec) or run.source is None or run.spec.source.adds_photos:
        return libraries_for(run.spec.chosen_engine)
    copied = read_record(run.source, stage)
    return read_libraries(run.source, stage, copied.key) if copied is not None else {}


def _planned(run: Run, stage: StageName) -> WorkerStage | None:
    return next((each for each in run.plan.stages if each.name == stage), None) if run.plan is not None else None


def _accepted_versions(run: Run, stage: StageName) -> tuple[int, ...]:
    """Versions of a stage's code whose results need not be made again."""
    planned, own = _planned(run, stage), CODE_VERSIONS[stage]
    return (own,) if planned is None or planned.code_version == own else (planned.code_version, own)


def _version_made(run: Run, stage: Stage) -> int:
    """Of the code that makes, or has made, what the stage is about to write."""
    job = run.spec.source.job_ref
    if job is None or stage.name not in reused_stages(run.spec):
        return CODE_VERSIONS[stage.name]
    record = reusable_record(run.source, stage.name, job.name, _accepted_versions(run, stage.name))
    return CODE_VERSIONS[stage.name] if job.add_photos else record.code_version


def _digest_of(run: Run, stage: StageName) -> str:
    """Of the settings that a result is for."""
    planned = _planned(run, stage)
    return planned.digest if planned is not None else stage_digests(run.spec)[stage]


_LENT: Final = Lent(_ensure_stage, _key_now, _digest_of)


def _identity_of_source(run: Run, stage: Stage) -> str | None:
    """What a stage depends on outside the workspace. Raises DependencyNotReady and CheckpointIncompatible."""
    job = run.spec.source.job_ref
    if job is not None and stage.name is not StageName.RENDER:
        reused = stage.name in reused_stages(run.spec)
        versions = _accepted_versions(run, stage.name)
        return reusable_record(run.source, stage.name, job.name, versions).outputs_digest if reused else None
    if stage.name is StageName.RENDER:
        return _identity_of_path(run)
    if stage.name is not StageName.INGEST or run.source is None:
        return None
    return _identity_of_photos(run, run.source)


def _identity_of_path(run: Run) -> str | None:
    """Of the turntable's poses; None where there is no such file."""
    file = path_file_of(run.spec, run.camera_path)
    return sha256_of(file) if file is not None else None


def _identity_of_photos(run: Run, source: Path) -> str | None:
    """None when they are not there. Raises SourceAccessDenied and FileTooLarge."""
    with access_to(describe(run.spec.source)):
        return identity(source, limits_from(os.environ).allowing(run.limits))


def _run(run: Run, stage: Stage, observer: Observer, stop: StopRequest, lock: int) -> ChildResult:
    connected = stage.name in _CONNECTED or _starts_from_destination(run, stage)
    request = StageRequest(
        module=_module_of(run, stage),
        stage=stage.name,
        workspace=str(run.workspace),
        spec=run.spec,
        source=str(run.source) if run.source is not None else None,
        added=str(run.added) if run.added is not None else None,
        camera_path=str(run.camera_path) if run.camera_path is not None else None,
        job_name=run.job_name,
        limits=run.limits,
        accepted_versions=_accepted_versions(run, stage.name),
        needs=stage.needs,
        network=run.network if connected else None,
        credentials=_credentials(run, stage.name) if connected else None,
        delivery=run.delivery if connected and stage.name is not StageName.INGEST else None,
    )
    try:
        return run_in_child(
            request,
            log=log_of(run.workspace, stage.name),
            on_progress=observer.stage_progressed,
            stop=stop,
            grace_seconds=SAVING_GRACE_SECONDS if stage.saves_on_stop else GRACE_SECONDS,
            keep_open=(lock,),
        )
    except ReconstructionError as error:
        if not error.kind.retryable:
            # What led to a final failure must not be continued: the next run starts the stage afresh.
            clear_started(run.workspace, stage.name)
        raise


def _credentials(run: Run, stage: StageName) -> str | None:
    """Each stage's process that connects sees the Secret that it needs, and no other."""
    folder = run.credentials if stage is StageName.INGEST else run.destination_credentials
    if stage in _FROM_DESTINATION and run.delivery is not None and run.delivery.earlier is not None:
        folder = run.earlier_credentials
    return str(folder) if folder is not None else None


def _module_of(run: Run, stage: Stage) -> str:
    if stage.name in reused_stages(run.spec):
        return REUSE_MODULE
    package = FROM_DESTINATION_PACKAGE if _starts_from_destination(run, stage) else run.package
    return f"{package}.{stage.name}"


def _starts_from_destination(run: Run, stage: Stage) -> bool:
    """Whether a stage that delivers has nothing to start from in the workspace, which is a new one: what there is of
    the job is what it has published."""
    if run.delivery is None or stage.name not in _FROM_DESTINATION:
        return False
    needs = [need for need in stage.needs if need not in _FROM_DESTINATION]
    return any(read_record(run.workspace, need) is None for need in needs)


def _digests_of_inputs(run: Run, stage: Stage) -> dict[str, str]:
    digests = {}
    for need in stage.needs:
        record = read_record(run.workspace, need)
        if record is None and _starts_from_destination(run, stage):
            continue
        if record is None:
            raise ReconstructionError(
                "InternalError", f"Stage {stage.name} needs the result of stage {need}, which is not in the workspace."
            )
        digests[need.value] = record.outputs_digest
    return digests


def _result_of(run: Run, record: StageRecord, *, skipped: bool) -> StageResult:
    return StageResult(
        name=record.stage,
        digest=_digest_of(run, record.stage),
        seconds=record.seconds,
        skipped=skipped,
        message=record.message,
    )


def _log_traceback(run: Run) -> None:
    """A defect of the executor itself; users get its code, the log gets the rest."""
    redactor = Redactor(secrets_of(os.environ, run.credentials), run.spec.source.uri)
    with contextlib.suppress(OSError):
        path = log_of(run.workspace, "executor")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as log:
            log.write(redactor(traceback.format_exc()))
