"""A worker pod: runs the stages of its resource class, says how far it is, and leaves a final report."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from pydantic import ValidationError

from reconstruction_api.defaults import completed
from reconstruction_api.destination import Destination
from reconstruction_api.errors import ExitCode, ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import (
    ADDED_PATH,
    CAMERA_PATH_PATH,
    CREDENTIALS_PATH,
    DESTINATION_CREDENTIALS_PATH,
    DESTINATION_PATH,
    EARLIER_CREDENTIALS_PATH,
    EARLIER_DESTINATION_PATH,
    ENV_DEPTH_FUSION,
    ENV_JOB,
    ENV_PLAN,
    ENV_PROGRESS_URL,
    ENV_TOKEN_FILE,
    ENV_WORKSPACE_CLAIM,
    SOURCE_PATH,
    TERMINATION_LOG,
    WORKSPACE_PATH,
)
from reconstruction_api.plan import WorkerPlan, known_stage
from reconstruction_api.source import Source
from reconstruction_api.stages import ResourceClass, Stage, StageName, graph_of, stages_of
from reconstruction_api.training import DepthFusion
from reconstruction_api.worker import Failure, PodReport, WorkerJob

from .artifacts import delivered
from .checkpoints import checkpoints_in
from .engines.graphics import check_image, gpu_is_promised
from .engines.licences import check_licence
from .engines.registry import available, engine_spec
from .engines.requirements import check_weights
from .executor import STAGE_PACKAGE, Observer, Outcome, Run, execute, log_of
from .ingest.sources import below_claim
from .json_log import JsonLog, LogObserver
from .observers import Observers
from .process import StopRequest
from .progress_client import ProgressClient
from .side_by_side.workspaces import with_those_of_engines
from .stage import Delivery

_LOG_TAIL_LINES: Final = 30


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point; the exit status is one of `ExitCode`."""
    options = pod_options(arguments)
    log = JsonLog(sys.stdout)
    stop = StopRequest()
    with stop.on_signals():
        report, status = _report(options, os.environ, log, stop)
        try:
            # Written in place: the kubelet mounts the file itself.
            options.termination_log.write_text(report.to_termination_message())
        except OSError as error:  # the exit status still says how it ended
            log.error("the final report could not be written", error=str(error))
    sys.exit(status)


def _report(
    options: argparse.Namespace, environment: Mapping[str, str], log: JsonLog, stop: StopRequest
) -> tuple[PodReport, ExitCode]:
    """What `_work` came to, whatever went wrong: the edge of the process."""
    try:
        return _work(options, environment, log, stop)
    except ReconstructionError as known:
        log.error("failed", code=known.code, error=known.message)
        error = known
    except Exception as exception:
        log.error("failed", code="InternalError", error=type(exception).__name__, traceback=traceback.format_exc())
        error = ReconstructionError("InternalError", "The worker failed unexpectedly.")
    return PodReport(failure=Failure.from_error(error)), error.exit_code


def pod_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reconstruction_worker", description=__doc__)
    parser.add_argument("--workspace", type=Path, default=Path(WORKSPACE_PATH), help="the job's volume")
    parser.add_argument("--added", type=Path, default=Path(ADDED_PATH), help="where the added photos' claim is mounted")
    parser.add_argument("--source", type=Path, default=Path(SOURCE_PATH), help="where the photos' claim is mounted")
    parser.add_argument(
        "--credentials",
        type=Path,
        default=Path(CREDENTIALS_PATH),
        help="folder with the entries of the source's Secret",
    )
    parser.add_argument(
        "--destination", type=Path, default=Path(DESTINATION_PATH), help="where the destination's claim is mounted"
    )
    parser.add_argument(
        "--destination-credentials",
        type=Path,
        default=Path(DESTINATION_CREDENTIALS_PATH),
        help="folder with the entries of the destination's Secret",
    )
    parser.add_argument(
        "--camera-path",
        type=Path,
        default=Path(CAMERA_PATH_PATH),
        help="folder with the entry that spec.turntable.pathFile names",
    )
    parser.add_argument("--termination-log", type=Path, default=Path(TERMINATION_LOG), help="file of the final report")
    parser.add_argument("--stages", default=STAGE_PACKAGE, help="package with the stages' modules")
    return parser.parse_args(arguments)


def _work(
    options: argparse.Namespace, environment: Mapping[str, str], log: JsonLog, stop: StopRequest
) -> tuple[PodReport, ExitCode]:
    job = order_in(environment)
    log = log.bound(job=job.name, namespace=job.namespace, attempt=job.attempt)
    spec = with_depth_fusion(completed(job.spec), environment)
    plan = _plan(environment)
    for engine in spec.all_engines:
        check_licence(engine, job.accepted_licenses)
    _check_image(spec)
    if job.resource_class is ResourceClass.PREPARE:  # no device is asked for yet
        _check_weights(spec)
        from .poses.choose_network import check_spec  # brings numpy, which nothing else here needs

        check_spec(spec, job.accepted_licenses)
    run = Run(
        spec=spec,
        workspace=options.workspace,
        job_name=job.name,
        limits=job.limits,
        network=job.network,
        stages=_stages(plan) if plan is not None else stages_of(job.resource_class, graph_of(spec)),
        plan=plan,
        source=_source(job.spec.source, options.source),
        added=_source(job.spec.source.without_job(), options.added) if job.spec.source.adds_photos else None,
        package=options.stages,
        credentials=options.credentials if job.spec.source.secret_name is not None else None,
        delivery=delivery_of(job, options.destination),
        destination_credentials=options.destination_credentials if has_secret(spec.destination) else None,
        earlier_credentials=Path(EARLIER_CREDENTIALS_PATH) if has_secret(job.earlier_destination) else None,
        camera_path=options.camera_path,
        attempts=spec.retry_policy.max_attempts,
    )
    observers: list[Observer] = [LogObserver(log)]
    with contextlib.ExitStack() as stack:
        if url := environment.get(ENV_PROGRESS_URL):
            client = ProgressClient(url, Path(environment.get(ENV_TOKEN_FILE, "")), job, options.workspace)
            observers.append(stack.enter_context(client))
        outcome = execute(run, Observers(observers), stop)
    _log_tail(outcome, options.workspace, log)
    claim, done = environment.get(ENV_WORKSPACE_CLAIM, ""), {result.name for result in outcome.stages}
    artifacts = (
        delivered(options.workspace, claim, bundled=StageName.BUNDLE in done, published=StageName.PUBLISH in done)
        if StageName.REPORT in done
        else []
    )
    report = PodReport(
        stages=outcome.stages,
        metrics=outcome.metrics,
        artifacts=artifacts,
        checkpoints=checkpoints_in(options.workspace) if job.resource_class is ResourceClass.RECONSTRUCT else None,
        failure=outcome.failure,
        paused_after=outcome.paused_after,
    )
    return report, outcome.exit_code


def with_depth_fusion(spec: ReconstructionJobSpec, environment: Mapping[str, str]) -> ReconstructionJobSpec:
    """The spec with what the operator says of spec.training.depthFusion; nothing else in the order does."""
    said = environment.get(ENV_DEPTH_FUSION)
    fusion = DepthFusion(said) if said in list(DepthFusion) else None
    return spec.model_copy(update={"training": spec.training.model_copy(update={"depth_fusion": fusion})})


def _check_image(spec: ReconstructionJobSpec) -> None:
    """Before the first stage: what no node can do with this image need not wait until photos and poses are ready. What
    is amiss with the engine itself, the stage says that needs it."""
    if StageName.TRAIN in {stage.name for stage in graph_of(spec)}:
        for engine in {*spec.all_engines} & available().keys():
            check_image(spec.training.device, engine_spec(engine), promised=gpu_is_promised())


def _check_weights(spec: ReconstructionJobSpec) -> None:
    """Before photos and poses are made, and a GPU is waited for. Raises WeightsUnavailable."""
    if StageName.TRAIN in {stage.name for stage in graph_of(spec)}:
        for engine in {*spec.all_engines} & available().keys():
            check_weights(engine_spec(engine))


def _source(source: Source, mounted: Path) -> Path | None:
    """What the source's volume holds for the job; None when the photos have to be fetched."""
    if source.job_ref is not None:
        return mounted
    claim = source.persistent_volume_claim
    return below_claim(mounted, claim) if claim is not None else None


def delivery_of(job: WorkerJob, mounted: Path) -> Delivery | None:
    destination = job.spec.destination
    if destination is None:
        return None
    on_claim = _is_claim(destination)
    return Delivery(
        namespace=job.namespace,
        name=job.name,
        uid=job.uid,
        publishing=job.publishing,
        folder=str(mounted) if on_claim else None,
        earlier=job.earlier_destination,
        earlier_folder=EARLIER_DESTINATION_PATH if _is_claim(job.earlier_destination) else None,
    )


def _is_claim(destination: Destination | None) -> bool:
    return destination is not None and destination.persistent_volume_claim is not None


def has_secret(destination: Destination | None) -> bool:
    return destination is not None and destination.secret_name is not None


def order_in(environment: Mapping[str, str]) -> WorkerJob:
    try:
        return WorkerJob.model_validate_json(environment[ENV_JOB])
    except KeyError:
        raise ReconstructionError("InternalError", f"The environment variable {ENV_JOB} is not set.") from None
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in problem["loc"]) for problem in error.errors())
        raise _not_understood(f"fields: {fields}") from None


def _plan(environment: Mapping[str, str]) -> WorkerPlan | None:
    """None from an operator that keeps no plans."""
    text = environment.get(ENV_PLAN)
    if text is None:
        return None
    try:
        return WorkerPlan.model_validate_json(text, extra="ignore")  # a newer operator may say more
    except ValidationError:
        raise _not_understood("its plan") from None


def _stages(plan: WorkerPlan) -> tuple[Stage, ...]:
    known = [(planned.name, known_stage(planned)) for planned in plan.stages]
    if unknown := [name for name, stage in known if stage is None]:
        raise _not_understood(f"stages: {', '.join(unknown)}")
    return tuple(stage for _, stage in known if stage is not None)


def _not_understood(what: str) -> ReconstructionError:
    return ReconstructionError(
        "InternalError",
        f"This worker does not understand the job ({what}).",
        suggestion="Give the worker image the same version as the operator.",
    )


def _log_tail(outcome: Outcome, workspace: Path, log: JsonLog) -> None:
    """A defect's traceback is in the workspace; the pod's log is where people look first."""
    if outcome.failure is None or outcome.failure.code != "InternalError":
        return
    for each in with_those_of_engines(workspace):
        path = log_of(each, outcome.failure.stage or "executor")
        with contextlib.suppress(OSError):
            lines = path.read_text(errors="replace").splitlines()
            log.error("end of the stage's log", stage=outcome.failure.stage, lines=lines[-_LOG_TAIL_LINES:])
