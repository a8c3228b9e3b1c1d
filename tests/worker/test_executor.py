"""What runs again and what does not; how failures come back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reconstruction_api.errors import ExitCode
from reconstruction_api.formats import ExportFormat
from reconstruction_api.mesh import Mesh
from reconstruction_api.stages import USUAL_STAGES, StageName, stage_digests
from reconstruction_worker.records import read_record
from reconstruction_worker.workspace import locked

from .stage_packages import TINY, Bench, a_spec, exporting, raising

ALL = [stage.name.value for stage in USUAL_STAGES]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_a_second_run_redoes_nothing_and_a_changed_spec_only_what_depends_on_the_change(bench: Bench) -> None:
    first = bench.run(spec=exporting(ExportFormat.GLB))
    assert first.exit_code is ExitCode.DONE
    assert bench.runs() == ALL

    second = bench.run(spec=exporting(ExportFormat.GLB))
    assert bench.runs() == []
    assert all(result.skipped for result in second.stages)
    assert second.metrics == first.metrics

    third = bench.run(spec=exporting(ExportFormat.GLB, ExportFormat.PLY))
    assert bench.runs() == ["export", "report"]
    assert [result.name for result in third.stages if not result.skipped] == ["export", "report"]

    bench.run(spec=exporting(ExportFormat.GLB, ExportFormat.PLY).model_copy(update={"mesh": Mesh(target_faces=500)}))
    assert bench.runs() == ["mesh", "texture", "evaluate", "export", "report"]

    record = read_record(bench.workspace, StageName.REPORT)
    assert record is not None
    assert [output.path for output in record.outputs] == ["artifacts/out.json"]


def test_results_carry_the_digests_that_the_operator_computes(bench: Bench) -> None:
    spec = a_spec(training={"steps": 7})
    outcome = bench.run("ingest", "poses", spec=spec)
    digests = stage_digests(spec)
    assert {result.name: result.digest for result in outcome.stages} == {
        StageName.INGEST: digests[StageName.INGEST],
        StageName.POSES: digests[StageName.POSES],
    }


def test_another_photo_in_the_source_runs_ingest_again(bench: Bench) -> None:
    bench.run("ingest", "poses")
    bench.runs()
    (bench.photos / "b.jpg").write_bytes(b"another")
    bench.run("ingest", "poses")
    assert bench.runs() == ["ingest", "poses"]


def test_photos_that_were_prepared_stay_when_their_source_is_out_of_reach(bench: Bench) -> None:
    bench.run("ingest", "poses")
    bench.runs()
    bench.photos.rename(bench.photos.with_name("unplugged"))
    outcome = bench.run("ingest", "poses", spec=a_spec(poses={"minRegisteredPercent": 90}))
    assert outcome.failure is None
    assert bench.runs() == ["poses"]


def test_the_number_of_files_is_limited_by_the_environment_before_the_stage_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.photos / "b.jpg").write_bytes(b"another")
    monkeypatch.setenv("RECONSTRUCTION_MAX_FILES", "1")
    failed = bench.run("ingest").failure
    assert failed is not None
    assert (failed.code, failed.message) == ("FileTooLarge", "The source holds more than 1 files.")
    for index in range(20_001):
        (bench.photos / f"{index}.txt").touch()
    monkeypatch.setenv("RECONSTRUCTION_MAX_FILES", "50000")
    assert bench.run("ingest").failure is None


def test_a_stage_that_comes_to_the_same_result_spares_those_after_it(bench: Bench) -> None:
    bench.run("ingest", "poses")
    bench.runs()
    os.utime(bench.photos / "a.jpg", (1, 1))
    bench.run("ingest", "poses")
    assert bench.runs() == ["ingest"]


@pytest.mark.parametrize("damage", ["missing", "same size"])
def test_a_damaged_result_is_made_again(bench: Bench, damage: str) -> None:
    bench.run("ingest", "poses")
    bench.runs()
    output = bench.workspace / "poses" / "out.json"
    if damage == "missing":
        output.unlink()
    else:
        output.write_bytes(b"x" * output.stat().st_size)
    bench.run("ingest", "poses")
    assert bench.runs() == ["poses"]


def test_large_results_are_compared_by_content_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = TINY.replace("stage = BY", "(context.folder / 'large').write_bytes(bytes(3 << 20))\n    stage = BY")
    bench = Bench(tmp_path, monkeypatch, ingest=large)
    bench.run("ingest")
    bench.runs()
    (bench.workspace / "ingest" / "large").write_bytes(b"x" * (3 << 20))
    bench.run("ingest")
    assert bench.runs() == []
    bench.run("ingest", verify=True)
    assert bench.runs() == ["ingest"]


def test_a_stage_starts_with_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaving = "def run(context):\n    (context.folder / 'half').touch()\n    raise OSError('no')\n"
    bench = Bench(tmp_path, monkeypatch, poses=leaving)
    bench.run("ingest", "poses")
    assert (bench.workspace / "poses" / "half").exists()
    (tmp_path / "python" / "stages_of_this_test" / "poses.py").write_text(TINY)
    bench.run("ingest", "poses")
    assert [path.name for path in (bench.workspace / "poses").iterdir()] == ["out.json"]


def test_what_was_fetched_is_still_there_for_the_next_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaving = "def run(context):\n    (context.folder / 'fetched').touch()\n    raise OSError('no')\n"
    bench = Bench(tmp_path, monkeypatch, ingest=leaving)
    bench.run("ingest")
    (tmp_path / "python" / "stages_of_this_test" / "ingest.py").write_text(TINY)
    bench.run("ingest")
    assert sorted(path.name for path in (bench.workspace / "ingest").iterdir()) == ["fetched", "out.json"]


def test_a_record_says_how_long_it_took_and_how_much_memory(bench: Bench) -> None:
    outcome = bench.run("ingest")
    record = json.loads((bench.workspace / "stages" / "ingest.json").read_text())
    assert record["message"] == "ingest did it"
    assert record["seconds"] > 0
    assert record["peakMemoryBytes"] > 5_000_000
    assert outcome.metrics == {"ingestRuns": 1, "peakMemoryBytes": record["peakMemoryBytes"]}


def test_a_stage_without_the_result_it_needs_is_a_defect_not_a_crash(bench: Bench) -> None:
    outcome = bench.run("train")
    assert outcome.failure is not None
    assert outcome.failure.code == "InternalError"
    assert "poses" in outcome.failure.message


@pytest.mark.parametrize(
    ("body", "code", "exit_code"),
    [
        (raising("ReconstructionError('EmptyMesh', 'nothing there', details={'faces': 0})"), "EmptyMesh", 3),
        (raising("MemoryError"), "HostOutOfMemory", 4),
        (raising("OSError(28, 'No space left on device')"), "DiskFull", 4),
        (raising("ValueError('secret')"), "InternalError", 70),
        ("import os\n\ndef run(context):\n    os.abort()\n", "ImageCorrupt", 2),  # a decoder crashed
        ("import os\n\ndef run(context):\n    os._exit(9)\n", "InternalError", 70),
        ("this is not python", "InternalError", 70),
    ],
)  # fmt: skip
def test_however_a_stage_ends_the_outcome_is_a_code_of_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, code: str, exit_code: int
) -> None:
    bench = Bench(tmp_path, monkeypatch, ingest=body)
    outcome = bench.run("ingest", "poses")
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.stage, outcome.exit_code) == (code, "ingest", exit_code)
    assert outcome.stages == []
    assert bench.seen.failures == [outcome.failure]
    assert "secret" not in outcome.failure.model_dump_json()


def test_the_traceback_of_a_defect_is_in_the_log_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, monkeypatch, ingest=raising("ValueError('the reason')"))
    outcome = bench.run("ingest")
    assert outcome.failure is not None
    assert "Traceback" not in outcome.failure.model_dump_json()
    assert "the reason" in bench.log("ingest")


def test_details_of_an_error_survive_the_way_out_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "ReconstructionError('LowRegistration', 'few', details={'registered': 3, 'views': {'a'}})"
    bench = Bench(tmp_path, monkeypatch, ingest=raising(error))
    outcome = bench.run("ingest")
    assert outcome.failure is not None
    assert outcome.failure.details == {"registered": 3, "views": "{'a'}"}


def test_a_native_crash_in_structure_from_motion_blames_the_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, monkeypatch, poses="import os\n\ndef run(context):\n    os.abort()\n")
    outcome = bench.run("ingest", "poses")
    assert outcome.failure is not None
    assert outcome.failure.code == "PoseEstimationFailed"


def test_what_libraries_print_goes_to_the_stages_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tmp_path, monkeypatch, ingest=TINY.replace("stage = BY", "print('noise')\n    stage = BY"))
    assert bench.run("ingest").exit_code is ExitCode.DONE
    assert "noise" in bench.log("ingest")
    assert capfd.readouterr().out == ""


def test_progress_arrives_thinned_out_and_with_the_memory_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = """
from reconstruction_api.worker import Progress
from reconstruction_worker.stage import StageOutput

def run(context):
    for step in range(5001):
        context.report(Progress(stage=context.name, percent=step / 50, step=step, loss=float("nan")))
    return StageOutput("done")
"""
    bench = Bench(tmp_path, monkeypatch, ingest=busy)
    assert bench.run("ingest").exit_code is ExitCode.DONE
    steps = [progress.step for progress in bench.seen.progress]
    assert steps[-1] == 5000
    assert len(set(steps)) < 100
    assert bench.seen.progress[-1].memory_bytes
    assert bench.seen.progress[-1].loss is None


def test_two_runs_never_share_a_workspace(bench: Bench) -> None:
    with locked(bench.workspace):
        outcome = bench.run("ingest", lock_patience_seconds=0.2)
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.exit_code) == ("WorkspaceBusy", ExitCode.RESOURCE)
    assert bench.runs() == []


def test_a_full_disk_is_told_before_a_stage_starts(bench: Bench) -> None:
    outcome = bench.run("ingest", min_free_bytes=1 << 60)
    assert outcome.failure is not None
    assert outcome.failure.code == "DiskFull"
    assert outcome.failure.details["freeBytes"] < 1 << 60
    assert bench.runs() == []


def test_a_pause_ends_the_run_after_its_stage_and_costs_nothing_later(bench: Bench) -> None:
    paused = bench.run(spec=a_spec(pauseAfter="Train"))
    assert bench.runs() == ["ingest", "poses", "train"]
    assert (paused.exit_code, paused.paused_after) == (ExitCode.DONE, StageName.TRAIN)
    again = bench.run(spec=a_spec(pauseAfter="Train"))
    assert (bench.runs(), again.paused_after) == ([], StageName.TRAIN)
    assert bench.run(spec=a_spec()).paused_after is None
    assert bench.runs() == ALL[3:]


def test_a_pause_after_the_last_stage_of_a_run_is_for_the_operator_to_keep(bench: Bench) -> None:
    assert bench.run("ingest", "poses", spec=a_spec(pauseAfter="Poses")).paused_after is None


def test_a_stage_asked_for_again_is_run_again_and_nothing_before_it(bench: Bench) -> None:
    bench.run(spec=a_spec())
    bench.runs()
    bench.run(spec=a_spec(redo={"train": 1}))
    runs = bench.runs()
    assert "train" in runs and "poses" not in runs


def test_another_camera_path_is_rendered_again_and_a_missing_one_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, monkeypatch)
    file = {"configMapName": "tour", "key": "tour.json"}
    spec, tour = a_spec(turntable={"path": "File", "pathFile": file}), tmp_path / "tour.json"
    bench.pretend_done(StageName.TEXTURE)

    def run() -> list[str]:
        bench.run("render", spec=spec, camera_path=tmp_path)
        return bench.runs()

    tour.write_text("[1]")
    assert (run(), run()) == (["render"], [])
    tour.write_text("[2]")
    assert (run(), run()) == (["render"], [])
    tour.unlink()
    assert run() == []
