"""Builders for tests of the executor: tiny stages as modules on disk, run in real processes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconstruction_api.exports import Export
from reconstruction_api.formats import ExportFormat
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.source import Source
from reconstruction_api.stages import BY_NAME, USUAL_STAGES, StageName
from reconstruction_api.worker import Failure, Progress, StageResult
from reconstruction_worker.executor import Outcome, Run, execute
from reconstruction_worker.process import StopRequest
from reconstruction_worker.records import StageRecord, write_record

PACKAGE = "stages_of_this_test"

# Output depends on the stage's settings and on the output of the stages it needs, as with real stages; every run
# leaves a line in `runs`, outside of all stages' folders.
TINY = """
import json
from pathlib import Path
from reconstruction_api.stages import BY_NAME, stage_settings
from reconstruction_worker.stage import StageOutput

def run(context):
    with (context.workspace / "runs").open("a") as runs:
        runs.write(context.name + "\\n")
    stage = BY_NAME[context.name]
    results = [context.of(need) / "out.json" for need in stage.needs]
    inputs = [result.read_text() for result in results if result.exists()]
    photos = sorted(path.name for path in context.source.iterdir()) if context.name == "ingest" else []
    (context.folder / "out.json").write_text(json.dumps([stage_settings(stage, context.spec), inputs, photos]))
    return StageOutput(f"{context.name} did it", {context.name + "Runs": 1})
"""


def write_stages(folder: Path, monkeypatch: pytest.MonkeyPatch, **bodies: str) -> None:
    """A package of stages that the executor's child processes can import; `bodies` replace tiny ones by name."""
    package = folder / PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in StageName:
        (package / f"{name}.py").write_text(bodies.get(name.value, TINY))
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.started: list[StageName] = []
        self.resumed: list[StageName] = []
        self.progress: list[Progress] = []
        self.ended: list[StageResult] = []
        self.failures: list[Failure] = []

    def stage_started(self, stage: StageName, *, resumed: bool) -> None:
        (self.resumed if resumed else self.started).append(stage)

    def stage_progressed(self, progress: Progress) -> None:
        self.progress.append(progress)

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None:
        self.ended.append(result)

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None:
        self.failures.append(failure)

    def stopped(self, stage: StageName | None) -> None:
        """Nothing to remember: the outcome says it."""


class Bench:
    """A workspace, photos and stages to run."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **bodies: str):
        write_stages(folder / "python", monkeypatch, **bodies)
        self.workspace = folder / "workspace"
        self.photos = folder / "photos"
        self.photos.mkdir()
        self.source: Path | None = self.photos
        (self.photos / "a.jpg").write_bytes(b"photo")
        self.seen = Recorder()

    def run(
        self,
        *names: str,
        spec: ReconstructionJobSpec | None = None,
        stop: StopRequest | None = None,
        observer: Recorder | None = None,
        **options: object,
    ) -> Outcome:
        """Run the named stages, or all."""
        stages = [BY_NAME[StageName(name)] for name in names] if names else list(USUAL_STAGES)
        run = Run(
            spec=spec or a_spec(),
            workspace=self.workspace,
            stages=stages,
            source=self.source,
            package=PACKAGE,
            **options,  # type: ignore[arg-type]
        )
        self.seen = observer or Recorder()
        return execute(run, self.seen, stop or StopRequest())

    def pretend_done(self, stage: StageName) -> None:
        """A record without the work, for tests of the stage after it."""
        record = StageRecord(stage=stage, key="pretended", digest="pretended", code_version=1)
        write_record(self.workspace, record)

    def runs(self) -> list[str]:
        """Names of the stages that have run since the last call."""
        path = self.workspace / "runs"
        lines = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def log(self, stage: str) -> str:
        return (self.workspace / "logs" / f"{stage}.log").read_text()


def a_spec(**changes: object) -> ReconstructionJobSpec:
    return ReconstructionJobSpec.model_validate({"source": Source(uri="./photos"), **changes})


def exporting(*formats: ExportFormat) -> ReconstructionJobSpec:
    return a_spec(exports=[Export(format=form) for form in formats])


def raising(expression: str) -> str:
    """A stage that raises."""
    return f"from reconstruction_api.errors import ReconstructionError\n\ndef run(context):\n    raise {expression}\n"
