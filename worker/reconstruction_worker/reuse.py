"""A stage whose result another job has made: copied from that job's workspace (spec.source.jobRef).

The other job may continue meanwhile, or even start over. So everything is compared with the record of the stage, which
must be the same at the end as it was at the beginning.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName

from .engines.engine_document import FILE as ENGINE_FILE
from .files import empty_folder
from .records import OutputFile, StageRecord, read_record
from .stage import StageContext, StageOutput, folder_of

_BLOCK: Final = 2**20
_FROM: Final = " (from job "


def run(context: StageContext) -> StageOutput:
    """Copy the stage's files. Raises DependencyNotReady, CheckpointIncompatible and ImageCountOutOfRange."""
    assert context.source is not None and context.spec.source.job_ref is not None
    other = context.spec.source.job_ref.name
    record = reusable_record(context.source, context.name, other, context.accepted_versions)
    _check_engine(context, other)
    _check_inputs(context, record, other)
    empty_folder(context.folder)
    outputs = _wanted(context, record)
    total, copied = sum(output.size for output in outputs) or 1, 0

    def step(size: int) -> None:
        nonlocal copied
        copied += size
        context.advance(100 * copied / total, f"copying from job {other}")

    for output in outputs:
        _copy(output, context, other, step)
    if read_record(context.source, context.name) != record:
        raise _changed(context.name, other)
    added = ""
    if context.name is StageName.INGEST and context.spec.source.adds_photos:
        from .added_photos import add_to_copied

        added = add_to_copied(context, other)
    elif context.name is StageName.INGEST:
        from .ingest.bounds import check_reused  # pydantic's models of a data set: only where they are needed

        check_reused(context)
    made = f"{record.message.partition(_FROM)[0]}{_FROM}{other})"
    if not context.spec.source.adds_photos:
        return StageOutput(made, record.metrics)
    if context.name is StageName.POSES:
        from .enlarged_poses import enlarge

        return enlarge(context, other)
    return StageOutput(f"{made}; {added}", record.metrics | {Metric.IMAGES: _photos(context)})


def reusable_record(workspace: Path | None, stage: StageName, other: str, versions: Sequence[int]) -> StageRecord:
    """What the other job, in its workspace, says of its result, which must be of one of these versions of the stage's
    code. Raises DependencyNotReady or CheckpointIncompatible."""
    record = read_record(workspace, stage) if workspace is not None else None
    if record is None:
        raise ReconstructionError(
            "DependencyNotReady", f"spec.source.jobRef: job '{other}' has no result of stage {stage} now."
        )
    if record.code_version not in versions:
        raise ReconstructionError(
            "CheckpointIncompatible",
            f"spec.source.jobRef: stage {stage} of job '{other}' was made by another version of the worker.",
            suggestion=f"Run the stage again there: raise spec.redo.{stage} of job '{other}'.",
        )
    return record


def _wanted(context: StageContext, record: StageRecord) -> list[OutputFile]:
    """The files that are taken over: of camera poses that photos are added to, only what the new ones are made from."""
    if context.name is not StageName.POSES or not context.spec.source.adds_photos:
        return record.outputs
    from .enlarged_poses import NEEDED

    return [output for output in record.outputs if output.path in {f"{StageName.POSES}/{name}" for name in NEEDED}]


def _copy(output: OutputFile, context: StageContext, other: str, step: Callable[[int], None]) -> None:
    """One file, checked on the way. `step` hears of each block, and raises Stopped when the process is to stop."""
    assert context.source is not None
    name = PurePosixPath(output.path)
    if ".." in name.parts or not (context.workspace / name).is_relative_to(context.folder):
        raise ReconstructionError("DependencyNotReady", f"The workspace of job '{other}' is damaged: {output.path}.")
    target = context.workspace / name
    target.parent.mkdir(parents=True, exist_ok=True)
    checksum = hashlib.sha256()
    try:
        with (context.source / name).open("rb") as source, target.open("wb") as copy:
            while block := source.read(_BLOCK):
                step(len(block))
                checksum.update(block)
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
    except FileNotFoundError:
        raise _changed(context.name, other) from None
    if checksum.hexdigest() != output.sha256:
        raise _changed(context.name, other)


def _check_engine(context: StageContext, other: str) -> None:
    """A trained field can only be read by the engine that made it."""
    assert context.source is not None
    if context.name is not StageName.TRAIN:
        return
    manifest = folder_of(context.source, StageName.TRAIN) / ENGINE_FILE
    said = json.loads(manifest.read_text()) if manifest.is_file() else {}
    engine = said.get("inPlaceOf") or said.get("engine")
    if engine != context.spec.chosen_engine:
        raise ReconstructionError(
            "CheckpointIncompatible",
            f"spec.engine: job '{other}' has trained {engine!r}, which {context.spec.chosen_engine!r} can't read.",
            suggestion="Create a job with the same engine, or with source.jobRef.reuse: Poses.",
        )


def _check_inputs(context: StageContext, record: StageRecord, other: str) -> None:
    """What was copied before and what is copied now must be of one piece: a field is of no use with other poses."""
    for need, made_from in record.inputs.items():
        copied = read_record(context.workspace, StageName(need))
        if copied is None:
            continue
        # Photos that were added to the copy are no change of the other job's.
        taken = copied.source if context.spec.source.adds_photos else copied.outputs_digest
        if taken != made_from:
            raise ReconstructionError(
                "DependencyNotReady",
                f"spec.source.jobRef: job '{other}' has changed stage {need} since it was copied, and stage "
                f"{context.name} was made from what is there now.",
                suggestion=f"Copy it again: raise spec.redo.{need}.",
            )


def _photos(context: StageContext) -> int:
    """In the data set."""
    from .ingest.dataset import FILE, Dataset

    return len(Dataset.model_validate_json((context.folder / FILE).read_bytes()).images)


def _changed(stage: StageName, other: str) -> ReconstructionError:
    return ReconstructionError("DependencyNotReady", f"Job '{other}' changed stage {stage} while it was copied.")
