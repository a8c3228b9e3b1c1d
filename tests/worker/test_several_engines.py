"""`spec.engines`: each stage once for each engine; the best one's results are the job's, and no failure spreads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reconstruction_api.documents.engines import FILE, EnginesDocument
from reconstruction_api.errors import ExitCode
from reconstruction_api.exports import Export
from reconstruction_api.formats import ExportFormat
from reconstruction_api.lifecycle import PauseStage, Removal
from reconstruction_api.plan import WorkerPlan, WorkerStage, fresh_plan
from reconstruction_api.stages import USUAL_STAGES, StageName, stage_digests
from reconstruction_worker.checkpoints import checkpoints_in
from reconstruction_worker.records import damaged_output, read_record
from reconstruction_worker.side_by_side.failed import begins
from reconstruction_worker.side_by_side.workspaces import workspace_of
from reconstruction_worker.tidying import tidy

from .stage_packages import Bench, a_spec

RUN = """
import json, os, time
from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.stage import StageOutput

def run(context):
    engine = context.spec.engine
    with open(os.environ["ENGINE_RUNS"], "a") as runs:
        runs.write(f"{engine}.{context.name}\\n")
    said = json.loads(os.environ.get("ENGINES_SAID", "{}")).get(f"{engine}.{context.name}", {})
    if "raise" in said:
        raise ReconstructionError(said["raise"], f"{engine} can't.")
    if "kill" in said:
        os._exit(9)
    for name, content in said.get("files", {}).items():
        path = context.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    exports = [export.format for export in context.spec.exports] if context.name == "export" else []
    made = [engine, context.name, context.spec.training.time_budget_seconds, exports]
    (context.folder / "out.json").write_text(json.dumps(made))
    context.report_progress(50, "half")
    return StageOutput(f"{context.name} did it", {"device": "CPU"} if context.name == "train" else {})
"""
APART = ("train", "mesh", "texture", "evaluate", "export")


def quality(psnr: float, verdict: str = "pass") -> dict[str, Any]:
    document = {"psnr": psnr, "ssim": 0.9, "verdict": verdict, "mesh": {"psnr": psnr - 1, "coverage": 0.5}}
    return {"files": {"quality.json": json.dumps(document)}}


class Engines(Bench):
    """A job of two engines that say what a test wants them to."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        super().__init__(folder, monkeypatch, **dict.fromkeys(APART, RUN))
        self._monkeypatch, self._file = monkeypatch, folder / "engine-runs"
        monkeypatch.setenv("ENGINE_RUNS", str(self._file))
        self.said: dict[str, Any] = {"splats.evaluate": quality(24), "nerfacto.evaluate": quality(27)}

    def go(self, *names: str, spec: Any = None, **options: Any):
        self._monkeypatch.setenv("ENGINES_SAID", json.dumps(self.said))
        return self.run(*names, spec=spec or several(), **options)

    def engine_runs(self) -> list[str]:
        """Since the last call."""
        lines = self._file.read_text().split() if self._file.exists() else []
        self._file.unlink(missing_ok=True)
        return lines

    def document(self) -> EnginesDocument:
        return EnginesDocument.read(self.workspace / "evaluate" / FILE)

    def made_by(self, stage: str) -> str:
        """Whose result is the job's."""
        return json.loads((self.workspace / stage / "out.json").read_text())[0]


def several(**fields: Any):
    return a_spec(engines=["splats", "nerfacto"], **fields)


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    return Engines(tmp_path, monkeypatch)


def test_each_stage_runs_for_each_engine_on_photos_and_poses_that_are_made_once(engines: Engines) -> None:
    outcome = engines.go()
    assert outcome.exit_code is ExitCode.DONE
    assert engines.engine_runs() == [f"{each}.{stage}" for stage in APART for each in ("splats", "nerfacto")]
    assert engines.runs() == ["ingest", "poses", "report"]
    assert [each.name for each in outcome.stages] == [stage.name for stage in USUAL_STAGES]
    poses = workspace_of(engines.workspace, "nerfacto") / "poses" / "out.json"
    assert poses.samefile(engines.workspace / "poses" / "out.json")


def test_results_carry_the_digests_that_the_operator_computes(engines: Engines) -> None:
    outcome = engines.go()
    assert {each.name: each.digest for each in outcome.stages} == stage_digests(several())


def test_pods_of_the_three_classes_follow_each_other(engines: Engines) -> None:
    assert engines.go("ingest", "poses", attempts=4).exit_code is ExitCode.DONE
    assert engines.go("train", "mesh", "texture", "evaluate", attempts=4).metrics["bestEngine"] == "nerfacto"
    assert engines.go("export", attempts=4).exit_code is ExitCode.DONE
    assert engines.made_by("export") == "nerfacto"
    assert (workspace_of(engines.workspace, "splats") / "export" / "out.json").exists()


def test_a_pod_goes_by_the_plan_of_the_release_that_accepted_the_job(engines: Engines) -> None:
    planned = [
        WorkerStage.model_validate(stage.model_dump() | {"digest": f"of-{stage.name}", "code_version": 1})
        for stage in fresh_plan(several(), 1).stages
    ]
    outcome = engines.go(plan=WorkerPlan(stages=planned), attempts=4)
    assert outcome.exit_code is ExitCode.DONE
    assert [each.digest for each in outcome.stages] == [f"of-{each.name}" for each in outcome.stages]
    engines.engine_runs()
    done = [stage.model_copy(update={"completed": True}) for stage in planned]
    again = engines.go(plan=WorkerPlan(stages=done), attempts=4)
    assert engines.engine_runs() == [] and [each.name for each in again.stages if not each.skipped] == []


def test_the_best_ones_results_are_the_jobs_and_the_stage_says_which_and_why(engines: Engines) -> None:
    outcome = engines.go()
    document = engines.document()
    assert (document.best, document.why) == ("nerfacto", "its mesh shows held-out photos with 26.00 dB (splats 23.00)")
    assert {engines.made_by(stage) for stage in APART} == {"nerfacto"}
    message = next(each.message for each in outcome.stages if each.name is StageName.EVALUATE)
    assert message.startswith("nerfacto is the best of 2, as its mesh shows held-out photos with 26.00 dB")
    for stage in APART:
        record = read_record(engines.workspace, StageName(stage))
        assert record is not None and record.outputs and damaged_output(engines.workspace, record) is None


def test_numbers_of_each_are_in_the_metrics_and_the_best_ones_without_a_name(engines: Engines) -> None:
    metrics = engines.go().metrics
    assert (metrics["bestEngine"], metrics["splats.psnr"], metrics["nerfacto.psnr"]) == ("nerfacto", "24.00", "27.00")
    assert metrics["nerfacto.qualityVerdict"] == "pass" and isinstance(metrics["splats.seconds"], int)


def test_a_second_run_redoes_nothing_and_other_exports_only_the_exports(engines: Engines) -> None:
    engines.go()
    engines.engine_runs()
    again = engines.go()
    assert (
        engines.engine_runs() == [] and [(each.name, each.message) for each in again.stages if not each.skipped] == []
    )
    engines.go(spec=several(exports=[Export(format=ExportFormat.OBJ)]))
    assert engines.engine_runs() == ["splats.export", "nerfacto.export"]
    assert "OBJ" in (engines.workspace / "export" / "out.json").read_text()


@pytest.mark.parametrize("stage", APART)
def test_the_failure_of_one_leaves_the_other_its_results(engines: Engines, stage: str) -> None:
    engines.said[f"splats.{stage}"] = {"raise": "EmptyMesh"}
    outcome = engines.go()
    assert outcome.exit_code is ExitCode.DONE
    assert engines.made_by("export") == "nerfacto"
    later = APART[APART.index(stage) + 1 :]
    assert not {f"splats.{each}" for each in later} & set(engines.engine_runs())
    if stage == "export":  # the comparison was made before
        return
    failure = engines.document().engines[0].failure
    assert failure is not None and (failure.code, failure.stage) == ("EmptyMesh", stage)
    assert outcome.metrics["splats.failure"] == "EmptyMesh"


def test_the_best_one_is_chosen_from_those_that_can_be_delivered_and_its_failed_export_is_the_jobs(
    engines: Engines,
) -> None:
    engines.said["nerfacto.export"] = {"raise": "ExportFailed"}
    failure = engines.go().failure
    assert failure is not None and (failure.code, failure.message) == ("ExportFailed", "nerfacto: nerfacto can't.")


def test_where_all_fail_the_job_fails_with_what_the_one_that_came_furthest_says(engines: Engines) -> None:
    engines.said |= {"splats.train": {"raise": "TrainingDiverged"}, "nerfacto.mesh": {"raise": "EmptyMesh"}}
    failure = engines.go().failure
    assert failure is not None and failure.code == "EmptyMesh"
    assert failure.message == "None of the engines has a result. splats: splats can't. nerfacto: nerfacto can't."
    assert failure.details == {"engines": {"splats": "TrainingDiverged", "nerfacto": "EmptyMesh"}}


def test_a_bar_that_all_miss_fails_the_job_by_the_nearest(engines: Engines) -> None:
    missed = {"raise": "QualityBelowThreshold"}
    engines.said = {"splats.evaluate": missed, "nerfacto.evaluate": missed}
    failure = engines.go().failure
    assert failure is not None and failure.code == "QualityBelowThreshold"


def test_a_crash_is_one_engines_failure(engines: Engines) -> None:
    engines.said["splats.mesh"] = {"kill": True}
    outcome = engines.go()
    assert outcome.exit_code is ExitCode.DONE and outcome.metrics["splats.failure"] == "InternalError"


def test_a_local_run_tries_a_failed_engine_again(engines: Engines) -> None:
    engines.said["nerfacto.train"] = {"raise": "WeightsUnavailable"}
    engines.go()
    assert engines.made_by("mesh") == "splats"
    del engines.said["nerfacto.train"]
    engines.engine_runs()
    assert engines.go().exit_code is ExitCode.DONE
    assert engines.engine_runs() == [f"nerfacto.{stage}" for stage in APART]
    assert engines.made_by("mesh") == "nerfacto"


def test_a_pod_does_not_repeat_what_has_failed_for_good(engines: Engines) -> None:
    engines.said["splats.train"] = {"raise": "TrainingDiverged"}
    engines.go(attempts=4)
    engines.engine_runs()
    assert engines.go(attempts=4).exit_code is ExitCode.DONE
    assert engines.engine_runs() == []
    engines.go(attempts=4, spec=several(redo={"train": 1}))
    assert "splats.train" in engines.engine_runs(), "asked for again"


def test_a_failure_that_may_pass_is_tried_again_while_the_job_has_attempts_and_costs_nobody_else_anything(
    engines: Engines,
) -> None:
    engines.said["splats.train"] = {"raise": "GPUOutOfMemory"}
    for _ in range(2):  # of three attempts, the last one gives up on it
        failure = engines.go(attempts=3).failure
        assert failure is not None and failure.code == "GPUOutOfMemory"
    runs = engines.engine_runs()
    assert runs == ["splats.train", "nerfacto.train", "splats.train"]
    assert engines.go(attempts=3).exit_code is ExitCode.DONE
    assert engines.made_by("export") == "nerfacto"


def test_pods_that_die_with_an_engine_are_its_failure_in_the_last_attempt(engines: Engines) -> None:
    engines.go("ingest", "poses")
    own = workspace_of(engines.workspace, "splats")
    probe = engines.go("train", attempts=3)
    assert probe.failure is None
    key = read_record(own, StageName.TRAIN)
    assert key is not None
    (own / "stages" / "train.json").unlink()
    for _ in range(2):
        begins(own, key.key)
    outcome = engines.go(attempts=3)
    assert outcome.exit_code is ExitCode.DONE and outcome.metrics["splats.failure"] == "HostOutOfMemory"
    failure = engines.document().engines[0].failure
    assert failure is not None and failure.message.startswith("The pod ended 2 times without a word while splats")


def test_progress_is_that_of_all_and_names_the_engine(engines: Engines) -> None:
    engines.go()
    trained = [each for each in engines.seen.progress if each.stage is StageName.TRAIN]
    assert [(each.percent, each.message) for each in trained if each.message.endswith("half")] == [
        (25, "splats: half"),
        (75, "nerfacto: half"),
    ]
    assert engines.seen.started.count(StageName.TRAIN) == 1


def test_the_time_budget_is_shared(engines: Engines) -> None:
    engines.go(spec=several(training={"timeBudgetSeconds": 600}))
    assert json.loads((engines.workspace / "train" / "out.json").read_text())[2] == 300


def test_a_pause_after_the_training_waits_for_all_engines(engines: Engines) -> None:
    outcome = engines.go(spec=several(pauseAfter=PauseStage("Train")))
    assert outcome.paused_after is StageName.TRAIN
    assert engines.engine_runs() == ["splats.train", "nerfacto.train"]


def test_memory_is_looked_at_after_each_process(engines: Engines) -> None:
    engines.go()
    assert all(each.kept_memory_bytes < 64 * 2**20 for each in engines.document().engines)


def test_checkpoints_of_each_are_shown_and_removed(engines: Engines) -> None:
    files = {"checkpoints/step-001000.ckpt": "state", "checkpoints/step-001000.ckpt.sha256": "0" * 64}
    engines.said |= {"splats.train": {"files": files}, "nerfacto.train": {"files": files}}
    engines.go()
    assert [each.name for each in checkpoints_in(engines.workspace)] == [
        f"engines/{name}/train/checkpoints/step-001000.ckpt" for name in ("nerfacto", "splats")
    ]
    tidy(engines.workspace, Removal.CHECKPOINTS)
    assert not list(engines.workspace.rglob("*.ckpt"))
    tidy(engines.workspace, Removal.ARTIFACTS)
    assert not list(engines.workspace.glob("engines/*/export"))


def test_one_that_is_stopped_continues_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM while the second engine trains: the first one's training is not repeated."""
    engines = Engines(tmp_path, monkeypatch)
    slow = RUN.replace(
        '    context.report_progress(50, "half")',
        '    if engine == "nerfacto" and not context.workspace.joinpath("go").exists():\n'
        "        while not context.stop_requested():\n            time.sleep(0.05)\n"
        "        from reconstruction_worker.stage import Stopped\n        raise Stopped\n"
        '    context.report_progress(50, "half")',
    )
    (tmp_path / "python" / "stages_of_this_test" / "train.py").write_text(slow)
    engines.go("ingest", "poses")
    code = (
        "import sys; from pathlib import Path\n"
        "from reconstruction_worker.executor import Run, execute\n"
        "from reconstruction_worker.process import StopRequest\n"
        "from reconstruction_api.stages import BY_NAME\n"
        "from tests.worker.stage_packages import Recorder\n"
        "from tests.worker.test_several_engines import several\n"
        "stop = StopRequest()\n"
        "with stop.on_signals():\n"
        "    run = Run(spec=several(), workspace=Path(sys.argv[1]), stages=[BY_NAME['train']],\n"
        "              package='stages_of_this_test')\n"
        "    sys.exit(int(execute(run, Recorder(), stop).exit_code))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code, str(engines.workspace)], env=environment)
    runs, deadline = tmp_path / "engine-runs", time.monotonic() + 60
    while not (runs.exists() and "nerfacto.train" in runs.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == ExitCode.RESUMABLE_STOP
    engines.engine_runs()
    (workspace_of(engines.workspace, "nerfacto") / "go").touch()
    assert engines.go("train").exit_code is ExitCode.DONE
    assert engines.engine_runs() == ["nerfacto.train"]


def test_exports_can_not_be_made_where_only_what_was_published_is_left(engines: Engines) -> None:
    failure = engines.go("export").failure
    assert failure is not None and failure.code == "InputsRemoved"
