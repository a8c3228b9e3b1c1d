"""Each stage's module keeps to what the table of stages declares of it."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel

import reconstruction_worker
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import STAGES, Stage, StageName
from reconstruction_worker.executor import STAGE_PACKAGE

from .stage_packages import TINY, Bench

WORKER = Path(reconstruction_worker.__file__).parent
OF_ALL_STAGES = {Metric.PEAK_MEMORY_BYTES}
each_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)

WITH_DOCUMENT = TINY.replace(
    "def run(context):",
    """
from reconstruction_worker.engines.engine_document import EngineDocument
DOCUMENT = EngineDocument

def run(context):
    if (context.workspace / "engine").exists():
        (context.folder / "engine.json").write_text((context.workspace / "engine").read_text())""",
)


def measured(files: list[Path]) -> set[str]:
    """Metrics that code names."""
    return {
        Metric[node.attr]
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Metric"
    }


def code_of(stage: Stage) -> list[Path]:
    """The stage's module; what trains is the engines'."""
    own = [WORKER / "stages" / f"{stage.name}.py"]
    return [*own, *(WORKER / "engines").rglob("*.py")] if stage.name is StageName.TRAIN else own


@each_stage
def test_its_module_has_its_document(stage: Stage) -> None:
    module = import_module(f"{STAGE_PACKAGE}.{stage.name}")
    assert callable(module.run)
    assert issubclass(module.DOCUMENT, BaseModel)
    assert stage.title and stage.document.endswith(".json")


@each_stage
def test_it_measures_what_is_declared(stage: Stage) -> None:
    found = measured(code_of(stage))
    if stage.name is StageName.EVALUATE:  # which is when several engines are compared
        found |= measured(list((WORKER / "side_by_side").glob("*.py"))) & {Metric.BEST_ENGINE}
    assert found == set(stage.metrics)


def test_no_metric_and_no_module_is_without_a_stage() -> None:
    assert {metric for stage in STAGES for metric in stage.metrics} == set(Metric) - OF_ALL_STAGES
    modules = {path.stem for path in (WORKER / "stages").glob("*.py")} - {"__init__"}
    assert modules == {str(stage.name) for stage in STAGES}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "its engine.json is not there"),
        ("not JSON", "its engine.json is not what it should be: Invalid JSON"),
        ("{}", "its engine.json is not what it should be: engine: Field required"),
    ],
)
def test_a_stage_that_leaves_no_document_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, problem: str
) -> None:
    bench = Bench(tmp_path, monkeypatch, train=WITH_DOCUMENT)
    bench.run("ingest", "poses")
    if content is not None:
        (bench.workspace / "engine").write_text(content)
    failure = bench.run("train").failure
    assert failure is not None and failure.code == "InternalError"
    assert failure.message.startswith(f"Stage train has ended, but {problem}")


def test_a_document_that_its_model_reads_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, monkeypatch, train=WITH_DOCUMENT)
    bench.run("ingest", "poses")
    (bench.workspace / "engine").write_text('{"engine": "nerfacto", "whatComesLater": 1}')
    assert bench.run("train").failure is None
