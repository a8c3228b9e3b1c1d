"""Workspaces of an earlier release under a later worker: no stage is run that its plan has as done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconstruction_api.first_release import FIRST_STAGES
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.plan import JobPlan, WorkerPlan, WorkerStage, fresh_plan, known_stage, renewed_plan
from reconstruction_api.stages import BY_NAME, StageName, graph_of, reused_stages
from reconstruction_api.worker import Failure, Progress, StageResult
from reconstruction_worker import executor, records
from reconstruction_worker.executor import Outcome, Run, execute
from reconstruction_worker.process import StopRequest
from reconstruction_worker.records import read_record

from .recorded import RELEASES, Later, photos, workspace

STAGE = """
from reconstruction_worker.stage import StageOutput

def run(context):
    (context.folder / "out.json").write_text(f"made again: {context.name}, {context.spec.exports}")
    return StageOutput("made again")
"""
later = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
finished = pytest.mark.parametrize("name", ["finished", "finished-odd", "finished-poses", "built-on-training"])


class Watching:
    """An observer that remembers which stages were run, and which results counted."""

    def __init__(self) -> None:
        self.run: list[str] = []
        self.resumed: list[str] = []
        self.results: list[StageResult] = []

    def stage_started(self, stage: StageName, *, resumed: bool) -> None:
        (self.resumed if resumed else self.run).append(stage.value)

    def stage_progressed(self, progress: Progress) -> None: ...

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None:
        self.results.append(result)

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None: ...

    def stopped(self, stage: StageName | None) -> None: ...


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "python" / "replayed_stages"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name in StageName:
        (folder / f"{name}.py").write_text(STAGE)
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder.name


def newer_code(monkeypatch: pytest.MonkeyPatch, release: Later) -> None:
    """The worker's own, beside its table of stages."""
    release.apply(monkeypatch)
    from reconstruction_api import stages

    versions = {stage.name: stage.code_version for stage in stages.STAGES}
    for module in (executor, records):
        monkeypatch.setattr(module, "CODE_VERSIONS", versions)


def of_first_release(spec: ReconstructionJobSpec) -> JobPlan:
    return fresh_plan(spec, 1, FIRST_STAGES)


def order(plan: JobPlan, *, completed: bool = False) -> WorkerPlan:
    return WorkerPlan(stages=[WorkerStage(**dict(each), completed=completed) for each in plan.stages])


def run(
    spec: ReconstructionJobSpec, folder: Path, source: Path | None, package: str, plan: WorkerPlan | None
) -> tuple[Watching, Outcome]:
    seen = Watching()
    stages: Any = graph_of(spec) if plan is None else [known_stage(each) for each in plan.stages]
    run = Run(spec=spec, workspace=folder, source=source, package=package, stages=stages, plan=plan)
    outcome = execute(run, seen, StopRequest())
    assert outcome.failure is None, outcome.failure
    return seen, outcome


@later
@finished
def test_a_later_worker_runs_no_stage_of_a_finished_job(
    name: str, release: Later, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spec, folder = workspace(name, tmp_path)
    plan = of_first_release(spec)
    newer_code(monkeypatch, release)
    source = None if name == "built-on-training" else photos(tmp_path)
    seen, _ = run(spec, folder, source, package, order(plan))
    assert seen.run == []
    assert {result.name: result.digest for result in seen.results} == plan.digests()


@finished
def test_this_worker_needs_no_plan_for_that(name: str, package: str, tmp_path: Path):
    """An operator that keeps none, or `recon run`: only what has newer code since runs, and what reads its result."""
    spec, folder = workspace(name, tmp_path)
    source = None if name == "built-on-training" else photos(tmp_path)
    seen, _ = run(spec, folder, source, package, None)
    assert seen.run == with_newer_code(spec)


def with_newer_code(spec: ReconstructionJobSpec) -> list[str]:
    """Stages of this release whose code version is above the first one's, and those that depend on them."""
    first = {stage.name: stage.code_version for stage in FIRST_STAGES}
    newer: list[str] = []
    for stage in graph_of(spec):
        if stage.name not in reused_stages(spec) and (
            stage.code_version > first.get(stage.name, 0) or any(need in newer for need in stage.needs)
        ):
            newer.append(stage.name.value)
    return newer


def test_newer_code_runs_where_no_plan_says_otherwise(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec, folder = workspace("finished", tmp_path)
    newer_code(monkeypatch, next(each for each in RELEASES if each.name == "newer code"))
    seen, _ = run(spec, folder, photos(tmp_path), package, None)
    assert seen.run == [stage.name.value for stage in graph_of(spec)]


def test_a_changed_export_is_made_by_the_newer_code_and_nothing_else_is(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spec, folder = workspace("finished", tmp_path)
    before = of_first_release(spec)
    newer_code(monkeypatch, next(each for each in RELEASES if each.name == "newer code"))
    wanted = ReconstructionJobSpec.model_validate(
        spec.model_dump(mode="json", by_alias=True, exclude_none=True) | {"exports": [{"format": "PLY"}]}
    )
    plan = renewed_plan(before, wanted, 2)
    seen, _ = run(wanted, folder, photos(tmp_path), package, order(plan))
    assert seen.run == ["export", "report"]
    record = read_record(folder, StageName.EXPORT)
    assert record is not None
    newer = BY_NAME[StageName.EXPORT].code_version + 1
    assert (record.code_version, record.digest) == (newer, plan.digests()["export"])
    again, _ = run(wanted, folder, photos_again(tmp_path), package, order(plan))
    assert again.run == []


def photos_again(folder: Path) -> Path:
    return folder / "photos"


def test_a_training_that_was_stopped_goes_on_where_it_was(package: str, tmp_path: Path):
    spec, folder = workspace("stopped", tmp_path)
    seen, _ = run(spec, folder, photos(tmp_path), package, order(of_first_release(spec)))
    assert seen.resumed == ["train"]
    assert seen.run == ["evaluate", "mesh", "texture", "export", "report"]


def test_a_worker_of_other_code_than_planned_runs_the_stage_and_records_its_own_version(package: str, tmp_path: Path):
    """The operator is newer than the worker's image."""
    spec = workspace("finished", tmp_path / "other")[0]
    (tmp_path / "new").mkdir()
    ahead = of_first_release(spec)
    ahead = ahead.model_copy(
        update={"stages": [each.model_copy(update={"code_version": each.code_version + 1}) for each in ahead.stages]}
    )
    source = photos(tmp_path)
    seen, _ = run(spec, tmp_path / "new", source, package, order(ahead))
    assert len(seen.run) == 8
    record = read_record(tmp_path / "new", StageName.TRAIN)
    assert record is not None and record.code_version == BY_NAME[StageName.TRAIN].code_version
    again, _ = run(spec, tmp_path / "new", source, package, order(ahead))
    assert again.run == [], "a result of the worker's own code counts"


def test_what_the_operator_has_seen_completed_counts_whatever_code_made_it(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A worker image older than the operator made it; now the image is as new as the operator."""
    spec, folder = workspace("finished", tmp_path)
    newer_code(monkeypatch, next(each for each in RELEASES if each.name == "newer code"))
    ahead = of_first_release(spec)
    ahead = ahead.model_copy(
        update={"stages": [each.model_copy(update={"code_version": each.code_version + 1}) for each in ahead.stages]}
    )
    seen, _ = run(spec, folder, photos(tmp_path), package, order(ahead, completed=True))
    assert seen.run == []


def test_a_record_with_more_in_it_than_this_worker_knows_is_a_record(tmp_path: Path):
    _, folder = workspace("finished", tmp_path)
    path = folder / "stages" / "train.json"
    path.write_text(path.read_text().replace("{", '{"libraries": {"torch": "9"},', 1))
    assert read_record(folder, StageName.TRAIN) is not None
