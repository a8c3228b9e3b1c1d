"""Runs a stage once for each engine of a job, in sequence, each time in a process of its own.

Going stage by stage, not engine by engine, a job pauses, is redone and shows its progress as one with one engine does.
What the job's own folders hold of these stages is the best engine's, from when all have been evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconstruction_api.documents.engines import FILE, FOLDER, EnginesDocument
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import Stage, StageName
from reconstruction_api.worker import Failure, Progress, StageResult

from ..failures import from_exception
from ..files import write_document
from ..libraries import read_libraries, write_libraries
from ..records import StageRecord, damaged_output, outputs_of, read_record, remove_record, write_record
from ..stage import Stopped, folder_of
from . import failed as failures
from .held import held, kept_since
from .numbers import add_kept, device_of, metrics_of, standing_of
from .standing import compared, nearest
from .workspaces import APART, prepared, promote, workspace_of

if TYPE_CHECKING:
    from ..executor import Observer, Run
    from ..process import StopRequest

__all__ = ["APART", "Lent", "ensure_each"]

_JUDGED: Final = (StageName.TRAIN, StageName.MESH, StageName.TEXTURE, StageName.EVALUATE)
"""Stages whose results are the best one's once the last of them has run."""
_SEPARATOR: Final = "; "


@dataclass(frozen=True, slots=True)
class Lent:
    """What the executor does for one engine as for one job."""

    ensure: Callable[[Run, Stage, Observer, StopRequest, int], tuple[StageRecord, bool]]
    key: Callable[[Run, Stage], str]
    digest: Callable[[Run, StageName], str]


def ensure_each(
    run: Run, stage: Stage, observer: Observer, stop: StopRequest, lock: int, lent: Lent
) -> tuple[StageRecord, bool]:
    """What `Lent.ensure` gives for one engine, for all: a record whose message names each, and whether nothing was run.
    Raises Stopped; where every engine has failed, what says most of why; and a failure that may pass, while the job
    has attempts left, after the other engines have run."""
    if stage.name is StageName.EXPORT and _document(run) is None:
        raise ReconstructionError(
            "InputsRemoved",
            "The workspace is gone, and with it what the engines have made, which exports of several engines need.",
        )
    engines = run.spec.all_engines
    records: dict[str, StageRecord] = {}
    skipped, passing = True, None
    for index, engine in enumerate(engines):
        part = _Part(observer, engine, index, len(engines))
        try:
            found = _ensure_one(run, stage, engine, part, stop, lock, lent)
        except _MayPassError as error:
            passing = error.error
            continue
        if found is not None:
            records[engine], was_there = found
            skipped = skipped and was_there
    if passing is not None:
        raise passing
    if not records:
        raise _none_left(run)
    if stage.name is StageName.EVALUATE:
        return _with_best(run, records, lent, skipped=skipped)
    if stage.name is StageName.EXPORT:
        return _with_exports(run, records, lent, skipped=skipped)
    if not skipped:
        for later in APART[APART.index(stage.name) :]:
            remove_record(run.workspace, later)
    return _joined(run, stage.name, records, lent), skipped


def _ensure_one(
    run: Run, stage: Stage, engine: str, observer: Observer, stop: StopRequest, lock: int, lent: Lent
) -> tuple[StageRecord, bool] | None:
    """None of an engine that has failed, now or before."""
    own = prepared(run.workspace, engine)
    single = replace(run, spec=run.spec.for_engine(engine), workspace=own)
    before = failures.read_failed(own)
    if before is not None and APART.index(before.stage) < APART.index(stage.name):
        return None
    key = lent.key(single, stage)
    if before is not None and before.stage is stage.name:
        if run.attempts > 1 and before.key == key:  # another pod has tried it
            return None
        failures.forget(own)
    free = held()
    try:
        deaths = failures.begins(own, key)
        if run.attempts > 1 and deaths >= run.attempts - 1:
            raise _died(engine, stage.name, deaths)
        result = lent.ensure(single, stage, observer, stop, lock)
    except Stopped:
        raise
    except Exception as exception:
        error = from_exception(exception, stage.name, own)
        again = error.kind.retryable and not isinstance(exception, _DiedError)
        if again and failures.may_retry(run.workspace / FOLDER, _judged_digest(run, stage, lent), run.attempts):
            raise _MayPassError(error) from exception
        failures.remember(own, key, stage.name, error)
        return None
    finally:
        failures.ended(own)
    if not result[1]:
        add_kept(own, kept_since(free))
    return result


class _MayPassError(Exception):
    """A failure that another attempt may not have."""

    def __init__(self, error: ReconstructionError):
        super().__init__(error.message)
        self.error = error


class _DiedError(ReconstructionError):
    """A pod's death is laid at an engine's door."""


def _died(engine: str, stage: StageName, deaths: int) -> _DiedError:
    return _DiedError(
        "HostOutOfMemory",
        f"The pod ended {deaths} times without a word while {engine} was in stage {stage}; memory is the usual reason.",
        suggestion=f"Use a profile with more memory, or run {engine} in a job of its own.",
    )


def _judged_digest(run: Run, stage: Stage, lent: Lent) -> str:
    """Attempts are counted for all stages of a pod together."""
    return lent.digest(run, StageName.EXPORT if stage.name is StageName.EXPORT else StageName.EVALUATE)


def _none_left(run: Run) -> ReconstructionError:
    standings = [standing_of(workspace_of(run.workspace, name), name) for name in run.spec.all_engines]
    worst = nearest(standings)
    ends = {name: failures.read_failed(workspace_of(run.workspace, name)) for name in run.spec.all_engines}
    said = " ".join(f"{name}: {end.failure.message}" for name, end in ends.items() if end is not None)
    end = ends[worst.name]
    assert end is not None, "an engine that has not failed has a result"
    return ReconstructionError(
        end.failure.code,
        f"None of the engines has a result. {said}",
        suggestion=end.failure.suggestion,
        details={"engines": {name: each.failure.code for name, each in ends.items() if each is not None}},
    )


def _same(before: EnginesDocument | None, now: EnginesDocument) -> bool:
    """Whether both compare the same results. What processes kept in memory changes with each that ends, the export's
    after the comparison too."""
    kept = {"engines": {"__all__": {"kept_memory_bytes", "kept_gpu_memory_bytes"}}}
    return before is not None and before.model_dump(exclude=kept) == now.model_dump(exclude=kept)


def _with_best(run: Run, records: Mapping[str, StageRecord], lent: Lent, *, skipped: bool) -> tuple[StageRecord, bool]:
    """The job's own results are the best engine's."""
    standings = [standing_of(workspace_of(run.workspace, name), name) for name in run.spec.all_engines]
    document = compared(standings, mesh=any(not export.format.gaussians for export in run.spec.exports))
    own = workspace_of(run.workspace, document.best)
    there = read_record(run.workspace, StageName.EVALUATE)
    if skipped and there is not None and _same(_document(run), document) and _holds(run, own, _JUDGED):
        return there, True
    for name in _JUDGED:
        remove_record(run.workspace, name)
    promote(own, run.workspace, _JUDGED)
    write_document(folder_of(run.workspace, StageName.EVALUATE) / FILE, document)
    for name in _JUDGED:
        made = {
            engine: record
            for engine in run.spec.all_engines
            if (record := read_record(workspace_of(run.workspace, engine), name)) is not None
        }
        joined = _joined(run, name, made, lent, best=document.best)
        if name is StageName.EVALUATE:
            first = f"{document.best} is the best of {len(standings)}, as {document.why}"
            ends = [
                f"{each.name} failed in stage {each.failure.stage}: {each.failure.code}"
                for each in standings
                if each.failure is not None
            ]
            message = _SEPARATOR.join((first, f"{document.best}: {records[document.best].message}", *ends))
            joined = joined.model_copy(update={"message": message, "metrics": metrics_of(run.workspace, document)})
        write_libraries(run.workspace, name, joined.key, read_libraries(own, name, joined.key))
        write_record(run.workspace, joined)
    record = read_record(run.workspace, StageName.EVALUATE)
    assert record is not None
    return record, False


def _with_exports(
    run: Run, records: Mapping[str, StageRecord], lent: Lent, *, skipped: bool
) -> tuple[StageRecord, bool]:
    document = _document(run)
    assert document is not None
    own = workspace_of(run.workspace, document.best)
    if document.best not in records:
        end = failures.read_failed(own)
        assert end is not None
        raise ReconstructionError(
            end.failure.code, f"{document.best}: {end.failure.message}", suggestion=end.failure.suggestion
        )
    there = read_record(run.workspace, StageName.EXPORT)
    if skipped and there is not None and _holds(run, own, (StageName.EXPORT,)):
        return there, True
    remove_record(run.workspace, StageName.EXPORT)
    promote(own, run.workspace, (StageName.EXPORT,))
    joined = _joined(run, StageName.EXPORT, records, lent, best=document.best)
    write_libraries(run.workspace, StageName.EXPORT, joined.key, read_libraries(own, StageName.EXPORT, joined.key))
    write_record(run.workspace, joined)
    return joined, False


def _joined(
    run: Run, stage: StageName, records: Mapping[str, StageRecord], lent: Lent, best: str | None = None
) -> StageRecord:
    """One record of several: files and key are those of the best where there is one by now."""
    first = records[best] if best is not None else next(iter(records.values()))
    metrics = {Metric.DEVICE: device_of(records.values())} if stage is StageName.TRAIN else {}
    return first.model_copy(
        update={
            "digest": lent.digest(run, stage),
            "outputs": outputs_of(run.workspace, stage) if best is not None else [],
            "message": _SEPARATOR.join(f"{name}: {record.message}" for name, record in records.items()),
            "metrics": metrics,
            "seconds": round(sum(record.seconds for record in records.values()), 3),
            "peak_memory_bytes": max(record.peak_memory_bytes for record in records.values()),
        }
    )


def _holds(run: Run, own: Path, stages: tuple[StageName, ...]) -> bool:
    """Whether the job's own results of these stages are those of this engine, and whole."""
    for stage in stages:
        there, made = read_record(run.workspace, stage), read_record(own, stage)
        if there is None or made is None or there.key != made.key:
            return False
        if damaged_output(run.workspace, there, every_byte=run.verify) is not None:
            return False
    return True


def _document(run: Run) -> EnginesDocument | None:
    return EnginesDocument.read_if_there(folder_of(run.workspace, StageName.EVALUATE) / FILE)


class _Part:
    """One engine's share of a stage, to whoever watches the stage."""

    def __init__(self, observer: Observer, engine: str, index: int, count: int):
        self._observer, self._engine, self._index, self._count = observer, engine, index, count
        self._said = f"{engine}: "

    def stage_started(self, stage: StageName, *, resumed: bool) -> None:
        if self._index == 0 or resumed:
            self._observer.stage_started(stage, resumed=resumed)
        self.stage_progressed(Progress(stage=stage, message="resuming" if resumed else "starting"))

    def stage_progressed(self, progress: Progress) -> None:
        percent = (self._index * 100 + progress.percent) / self._count
        shown = progress.model_copy(update={"percent": percent, "message": self._said + progress.message})
        self._observer.stage_progressed(shown)

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None:
        """The stage ends with its last engine."""

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None:
        """Whether the stage fails is said when all engines have run."""

    def stopped(self, stage: StageName | None) -> None:
        self._observer.stopped(stage)
