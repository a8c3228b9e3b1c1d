"""What a run shows and leaves, with tiny stages in place of the real ones."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from tests.worker.stage_packages import PACKAGE, raising, write_stages
from tests.worker.test_reuse import INGEST

from reconstruction_api.errors import ExitCode, ReconstructionError
from reconstruction_api.readable import byte_size as size
from reconstruction_api.readable import duration
from reconstruction_api.stages import USUAL_STAGES, StageName
from reconstruction_api.worker import Failure, Progress, StageResult
from reconstruction_cli import local_run
from reconstruction_cli.display import LiveDisplay, PlainDisplay
from reconstruction_cli.local_run import run_locally
from reconstruction_cli.progress_text import details
from reconstruction_worker.executor import Outcome
from reconstruction_worker.process import StopRequest

JOB = """apiVersion: reconstruction.dev/v1alpha1
kind: ReconstructionJob
metadata: {name: statue}
spec:
  source: {uri: ./photos}
  exports: [{format: GLB}%s]
"""
DELIVERING = """
from reconstruction_worker.stage import StageOutput

def run(context):
    for export in context.spec.exports:
        (context.folder / f"model.{export.format.lower()}").write_text("model")
    return StageOutput("delivered", {"psnr": "27.3", "ssim": "0.91"})
"""
WAITING = """
import time
from reconstruction_worker.stage import Stopped

def run(context):
    while not context.stop_requested():
        time.sleep(0.01)
    raise Stopped
"""


PAUSING = JOB.replace("spec:", "spec:\n  pauseAfter: Poses")


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    path = tmp_path / "job.yaml"
    path.write_text(JOB % "")
    return path


def run(job: Path, until: str | None = None) -> ExitCode:
    out = job.parent / "out" / "statue"
    return run_locally(job, out=out, volumes=(), jobs=(), source=None, until=until, verify=False, package=PACKAGE)


def test_a_run_ends_with_its_results_and_a_second_one_is_done_at_once(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_stages(tmp_path / "python", monkeypatch, report=DELIVERING)
    job.write_text(JOB % ", {format: PLY}")
    assert run(job) is ExitCode.DONE
    shown = capfd.readouterr().out
    assert "PSNR 27.3 dB, SSIM 0.91" in shown
    assert shown.splitlines()[-1] == "Quality: evaluate did it"
    assert "model.glb  5 B" in shown
    out = tmp_path / "out" / "statue"
    assert sorted(path.name for path in out.iterdir()) == ["model.glb", "model.ply", "workspace"]

    job.write_text(JOB % "")
    assert run(job) is ExitCode.DONE
    shown = capfd.readouterr().out
    assert shown.count("already done") == 6
    assert sorted(path.name for path in out.iterdir()) == ["model.glb", "workspace"]


def test_a_failure_is_a_short_block_with_the_stage(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    error = "ReconstructionError('LowRegistration', '3 of 40 photos placed')"
    write_stages(tmp_path / "python", monkeypatch, poses=raising(error))
    assert run(job) is ExitCode.MODEL_FAILURE
    err = capfd.readouterr().err.splitlines()
    assert err[:2] == ["LowRegistration in stage poses", "  3 of 40 photos placed"]
    assert err[2].startswith("  What to do: ")
    assert len(err) == 3


def test_a_defect_names_the_log_and_shows_no_traceback(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_stages(tmp_path / "python", monkeypatch, ingest=raising("ValueError('reason')"))
    assert run(job) is ExitCode.INTERNAL
    shown = capfd.readouterr()
    assert "reason" not in shown.out + shown.err
    log = tmp_path / "out" / "statue" / "workspace" / "logs" / "ingest.log"
    assert f"Log: {log}" in shown.err
    assert "ValueError: reason" in log.read_text()


CHILD = """apiVersion: reconstruction.dev/v1alpha1
kind: ReconstructionJob
metadata: {name: child}
spec:
  source: {jobRef: {name: statue}}
"""


def run_child(tmp_path: Path, *jobs: str) -> ExitCode:
    job, out = tmp_path / "child.yaml", tmp_path / "out" / "child"
    job.write_text(CHILD)
    return run_locally(job, out=out, volumes=(), jobs=jobs, source=None, until=None, verify=False, package=PACKAGE)


def test_a_job_takes_the_poses_of_one_that_was_run_before(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ReconstructionError, match="job 'statue' was not run here") as missing:
        run_child(tmp_path)
    assert (missing.value.code, missing.value.suggestion.rpartition(": ")[2]) == (
        "DependencyNotReady",
        "--job statue=DIR",
    )
    write_stages(tmp_path / "python", monkeypatch, ingest=INGEST, report=DELIVERING)
    assert run(job, until="poses") is ExitCode.DONE
    capfd.readouterr()
    assert run_child(tmp_path) is ExitCode.DONE
    shown = capfd.readouterr().out
    assert shown.count("(from job statue)") == 2
    assert (tmp_path / "out" / "child" / "model.glb").exists()
    (tmp_path / "out" / "statue").rename(tmp_path / "elsewhere")
    assert run_child(tmp_path, f"statue={tmp_path / 'elsewhere'}") is ExitCode.DONE
    assert run_child(tmp_path) is ExitCode.DONE, "what was copied is enough"


def test_added_photos_are_looked_for_beside_the_job_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out" / "statue" / "workspace").mkdir(parents=True)
    job, out, runs = tmp_path / "child.yaml", tmp_path / "out" / "child", []
    job.write_text(CHILD.replace("{jobRef: {name: statue}}", "{jobRef: {name: statue, addPhotos: true}, uri: ./later}"))
    monkeypatch.setattr(local_run, "execute", lambda run, *_: runs.append(run) or Outcome(stopped=True))
    run_locally(job, out=out, volumes=(), jobs=(), source=None, until=None, verify=False, package=PACKAGE)
    assert [(run.source, run.added) for run in runs] == [
        (tmp_path / "out" / "statue" / "workspace", tmp_path / "later")
    ]


def test_added_photos_on_a_claim_are_where_the_command_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out" / "statue" / "workspace").mkdir(parents=True)
    job, out, runs = tmp_path / "child.yaml", tmp_path / "out" / "child", []
    claim = "persistentVolumeClaim: {claimName: visits, path: second}"
    job.write_text(CHILD.replace("{jobRef: {name: statue}}", f"{{jobRef: {{name: statue, addPhotos: true}}, {claim}}}"))
    monkeypatch.setattr(local_run, "execute", lambda run, *_: runs.append(run) or Outcome(stopped=True))
    volumes = (f"visits={tmp_path / 'nas'}",)
    run_locally(job, out=out, volumes=volumes, jobs=(), source=None, until=None, verify=False, package=PACKAGE)
    assert [(run.source, run.added) for run in runs] == [
        (tmp_path / "out" / "statue" / "workspace", tmp_path / "nas" / "second")
    ]


def test_a_job_that_ends_after_its_poses_delivers_them(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_stages(tmp_path / "python", monkeypatch, report=DELIVERING)
    job.write_text((JOB % "").replace("spec:", "spec:\n  endAfter: Poses"))
    assert run(job) is ExitCode.DONE
    shown = capfd.readouterr().out
    assert [line.split(":")[0] for line in shown.splitlines() if ": done" in line] == ["ingest", "poses", "report"]


def test_ctrl_c_stops_gracefully_and_says_how_to_go_on(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stages(tmp_path / "python", monkeypatch, ingest=WAITING)
    code = f"""
import sys
from pathlib import Path
from reconstruction_cli.local_run import run_locally
sys.exit(run_locally(Path({str(job)!r}), out=Path({str(tmp_path / "out")!r}), volumes=(), jobs=(), source=None,
                     until="poses", verify=False, package={PACKAGE!r}))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ingest: started\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == ExitCode.RESUMABLE_STOP
    assert "Run the same command again to continue." in out


def rendered(display: LiveDisplay) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(display._render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_live_table_shows_every_stage_and_the_numbers_of_the_running_one() -> None:
    stop = StopRequest()
    display = LiveDisplay(Console(file=io.StringIO()), "statue (nerfacto)", USUAL_STAGES, stop)
    display.stage_ended(
        StageResult(name=StageName.INGEST, digest="d", seconds=61, message="40 photos", skipped=True), {}
    )
    display.stage_started(StageName.TRAIN, resumed=True)
    progress = Progress(
        stage=StageName.TRAIN, percent=50, step=500, total_steps=1000, loss=0.0123, psnr=24.56, eta_seconds=75
    )
    display.stage_progressed(progress)
    text = rendered(display)
    assert all(stage.name in text for stage in USUAL_STAGES)
    assert "already done" in text
    assert "1 min 1 s" in text
    assert "step 500 of 1000 · loss 0.0123 · PSNR 24.6 dB · 1 min 15 s left" in text
    assert "33 %" in text
    stop.stop()
    assert "Stopping" in rendered(display)
    failure = Failure(code="EmptyMesh", category="Model", message="m", suggestion="s", retryable=False)
    display.stage_failed(StageName.TRAIN, failure)
    assert "✗" in rendered(display)


@pytest.mark.parametrize(
    ("resumed", "lines"), [(True, ["train: resuming", "train: 10 % · step 100 of 1000"]), (False, ["train: started"])]
)
def test_plain_lines_are_spared_but_a_resumed_stage_says_at_once_where_it_goes_on(
    resumed: bool, lines: list[str]
) -> None:
    file = io.StringIO()
    display = PlainDisplay(Console(file=file))
    display.stage_started(StageName.TRAIN, resumed=resumed)
    for step in (100, 120):
        display.stage_progressed(Progress(stage=StageName.TRAIN, percent=step / 10, step=step, total_steps=1000))
    assert file.getvalue().splitlines() == lines


def test_numbers_are_written_for_people() -> None:
    assert [duration(seconds) for seconds in (0.4, 59, 185, 7800)] == ["0 s", "59 s", "3 min 5 s", "2 h 10 min"]
    assert [size(count) for count in (12, 3_400, 5_600_000, 7.8e9)] == ["12 B", "3.4 kB", "5.6 MB", "7.8 GB"]
    assert details(Progress(stage=StageName.POSES, message="matching", memory_bytes=10**9)) == "matching · 1.0 GB"


def test_a_run_pauses_after_the_stage_and_goes_on_when_the_field_is_cleared(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_stages(tmp_path / "python", monkeypatch)
    job.write_text(PAUSING % "")
    assert run(job) is ExitCode.DONE
    assert "Paused after poses" in capsys.readouterr().out
    assert not (tmp_path / "out" / "statue" / "workspace" / "train").exists()
    job.write_text(JOB % "")
    assert run(job) is ExitCode.DONE
    assert "Paused" not in capsys.readouterr().out


def test_a_camera_path_is_read_beside_the_job_before_anything_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, runs, file = tmp_path / "job.yaml", [], tmp_path / "tour.json"
    job.write_text(
        JOB % "" + "  turntable: {path: File, pathFile: {configMapName: tour, key: tour.json}}\n  engine: splats\n"
    )
    monkeypatch.setattr(local_run, "execute", lambda run, *_: runs.append(run) or Outcome(stopped=True))
    with pytest.raises(ReconstructionError, match=r"no file 'tour\.json' beside the job's YAML"):
        run(job)
    file.write_text("[1, 2]")
    with pytest.raises(
        ReconstructionError, match=r"tour\.json \(spec\.turntable\.pathFile\): entry 1: it must be a matr"
    ):
        run(job)
    assert not runs
    file.write_text('[{"position": [0, 0, 1], "lookAt": [0, 0, 0]}, {"position": [0, 0, 2], "lookAt": [0, 0, 0]}]')
    run(job)
    assert [each.camera_path for each in runs] == [tmp_path]
