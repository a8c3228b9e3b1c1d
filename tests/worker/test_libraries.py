"""Versions of libraries: recorded for each stage, and part of what a training depends on only where its engine says
so."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from reconstruction_api.engines import ENGINES
from reconstruction_api.plan import WorkerPlan, WorkerStage, fresh_plan
from reconstruction_api.stages import USUAL_STAGES, StageName
from reconstruction_worker import engine_libraries, libraries
from reconstruction_worker.libraries import read_libraries
from reconstruction_worker.records import StageRecord, read_record, write_record

from .stage_packages import Bench, a_spec
from .test_reuse import Pair, base_in, make

TRAINED = ("ingest", "poses", "train")
ALL = [stage.name.value for stage in USUAL_STAGES]
FIRST = Path(__file__).parents[1] / "replay" / "first" / "workspaces" / "finished.json"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


class Installed:
    """Stands in for what pip knows; can be upgraded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.versions = {"numpy": version("numpy"), "torch": "2.6.0"}
        monkeypatch.setattr(libraries, "version", self.version)
        monkeypatch.setattr(libraries, "_versions_of", libraries._versions_of.__wrapped__)

    def version(self, name: str) -> str:
        return self.versions[name] if name in self.versions else version(name)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Installed:
    return Installed(monkeypatch)


@pytest.fixture
def depends_on_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(ENGINES["nerfacto"], results_depend_on=("torch",))
    monkeypatch.setattr(engine_libraries, "engine_spec", lambda name: spec)


def record_of(bench: Bench, stage: StageName) -> StageRecord:
    record = read_record(bench.workspace, stage)
    assert record is not None
    return record


def libraries_of(bench: Bench, stage: StageName) -> dict[str, str]:
    return read_libraries(bench.workspace, stage, record_of(bench, stage).key)


def test_they_are_recorded_for_each_stage(bench: Bench, pip: Installed) -> None:
    bench.run("ingest", "poses")
    pip.versions["torch"] = "2.7.0"
    bench.run("ingest", "poses", "train")
    assert libraries_of(bench, StageName.POSES)["torch"] == "2.6.0"
    assert libraries_of(bench, StageName.TRAIN)["torch"] == "2.7.0"
    assert {"python", "reconstruction-operator", "numpy", "pycolmap"} <= libraries_of(bench, StageName.INGEST).keys()
    assert "kopf" not in libraries_of(bench, StageName.INGEST), "the operator's"


def test_a_record_has_no_field_that_the_first_release_would_refuse(bench: Bench) -> None:
    files = json.loads(FIRST.read_text())["files"]
    bench.run()
    for stage in ALL:
        known = json.loads(files[f"stages/{stage}.json"])
        assert json.loads((bench.workspace / "stages" / f"{stage}.json").read_text()).keys() <= known.keys()


def test_another_version_runs_nothing_again(bench: Bench, pip: Installed) -> None:
    bench.run(*TRAINED)
    bench.runs()
    pip.versions["torch"] = "2.7.0"
    bench.run(*TRAINED)
    assert bench.runs() == []
    assert libraries_of(bench, StageName.TRAIN)["torch"] == "2.6.0", "what it was made with"


@pytest.mark.usefixtures("depends_on_torch")
def test_it_trains_again_where_the_engine_declares_that_its_results_change(bench: Bench, pip: Installed) -> None:
    bench.run(*TRAINED)
    bench.runs()
    pip.versions["numpy"] = "3.0.0"
    bench.run(*TRAINED)
    assert bench.runs() == []
    pip.versions["torch"] = "2.7.0"
    bench.run(*TRAINED)
    assert bench.runs() == ["train"]
    assert libraries_of(bench, StageName.TRAIN)["torch"] == "2.7.0"
    bench.run(*TRAINED)
    assert bench.runs() == []


@pytest.mark.usefixtures("depends_on_torch")
@pytest.mark.parametrize(("completed", "again"), [(True, []), (False, ["train"])])
def test_a_plan_keeps_what_was_completed_and_nothing_else(
    bench: Bench, pip: Installed, completed: bool, again: list[str]
) -> None:
    planned = fresh_plan(a_spec(), 1).stages
    plan = WorkerPlan(stages=[WorkerStage(**dict(stage), completed=completed) for stage in planned])
    bench.run(*TRAINED, plan=plan)
    bench.runs()
    pip.versions["torch"] = "2.7.0"
    bench.run(*TRAINED, plan=plan)
    assert bench.runs() == again


@pytest.mark.usefixtures("pip")
def test_results_of_before_the_engine_declared_it_are_made_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(*TRAINED)
    bench.runs()
    spec = replace(ENGINES["nerfacto"], results_depend_on=("torch",))
    monkeypatch.setattr(engine_libraries, "engine_spec", lambda name: spec)
    bench.run(*TRAINED)
    assert bench.runs() == ["train"]


def test_an_engine_that_is_not_installed_changes_nothing_for_what_is_done(
    bench: Bench, pip: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(*TRAINED)
    bench.runs()
    monkeypatch.setattr(engine_libraries, "available", dict)
    assert bench.run(*TRAINED).failure is None
    assert bench.runs() == []


def test_versions_that_go_with_another_result_are_not_taken_for_this_one(bench: Bench) -> None:
    """A worker of an earlier release, after a rollback, makes the stage again and knows nothing of the file."""
    bench.run("ingest")
    record = record_of(bench, StageName.INGEST)
    write_record(bench.workspace, record.model_copy(update={"key": "of an earlier release"}))
    assert libraries_of(bench, StageName.INGEST) == {}


@pytest.mark.parametrize("content", ["", "[]", '{"libraries": 7}'])
def test_a_damaged_list_is_none(bench: Bench, content: str) -> None:
    bench.run("ingest")
    (bench.workspace / "stages" / "ingest.libraries.json").write_text(content)
    bench.runs()
    assert bench.run("ingest").failure is None
    assert bench.runs() == []
    assert libraries_of(bench, StageName.INGEST) == {}


@pytest.mark.usefixtures("depends_on_torch")
def test_what_another_job_has_made_keeps_its_versions(
    tmp_path: Path, pip: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_in(tmp_path, monkeypatch)
    make(base)
    pip.versions["torch"] = "2.7.0"
    pair = Pair(tmp_path, base, monkeypatch)
    assert pair.run("Training") == ["mesh"]
    assert libraries_of(pair.child, StageName.TRAIN)["torch"] == "2.6.0"
    pip.versions["torch"] = "2.8.0"
    assert pair.run("Training") == []
