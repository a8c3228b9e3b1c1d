"""Stopped, killed, started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from reconstruction_api.errors import ExitCode
from reconstruction_api.names import ENV_JOB
from reconstruction_api.stages import ResourceClass, StageName
from reconstruction_api.worker import WorkerJob
from reconstruction_worker.process import StopRequest

from .stage_packages import PACKAGE, Bench, a_spec

# Counts its steps in a file and ends at the fifth; unless told to continue, it waits after the second.
SLOW_TRAINING = """
import time
from pathlib import Path
from reconstruction_worker.stage import StageOutput, Stopped
from reconstruction_api.worker import Progress

def run(context):
    steps = context.folder / "steps"
    start = int(steps.read_text()) if steps.exists() else 0
    (context.workspace / "pid").write_text(str(__import__("os").getpid()))
    for step in range(start, 5):
        steps.write_text(str(step + 1))
        context.report(Progress(stage=context.name, step=step + 1))
        while step == 1 and not (context.workspace / "go").exists():
            if context.stop_requested():
                raise Stopped
            time.sleep(0.01)
    return StageOutput(f"from {start} to 5")
"""
STUBBORN = """
import subprocess, sys, time

def run(context):
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (context.workspace / "pid").write_text(str(helper.pid))
    time.sleep(600)
"""


# Stuck in native code on its way to its first step, as if it loaded a large library from a slow disk: no handler that
# Python has been given is called there.
STUCK_IMPORTING = """
import ctypes

def run(context):
    context.report_progress(0, "setting up")
    (context.workspace / "importing").touch()
    ctypes.PyDLL(None).sleep(600)
    context.stop_requested()
"""


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition not reached in time"
        time.sleep(0.02)


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop_when(condition: Callable[[], bool], stop: StopRequest, times: int = 1) -> threading.Thread:
    def watch() -> None:
        wait_for(condition)
        for _ in range(times):
            stop.stop()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench(tmp_path, monkeypatch, train=SLOW_TRAINING)
    bench.pretend_done(StageName.POSES)
    return bench


def at_step_two(bench: Bench) -> Callable[[], bool]:
    steps = bench.workspace / "train" / "steps"
    return lambda: steps.exists() and steps.read_text() == "2"


def test_a_stopped_training_resumes_where_it_was(training: Bench) -> None:
    stop = StopRequest()
    thread = stop_when(at_step_two(training), stop)
    outcome = training.run("train", stop=stop)
    thread.join()
    assert (outcome.stopped, outcome.failure, outcome.exit_code) == (True, None, ExitCode.RESUMABLE_STOP)

    (training.workspace / "go").touch()
    outcome = training.run("train")
    assert outcome.stages[0].message == "from 2 to 5"
    assert training.seen.resumed == ["train"]


def test_a_stopped_training_with_other_settings_starts_afresh(training: Bench) -> None:
    stop = StopRequest()
    thread = stop_when(at_step_two(training), stop)
    training.run("train", stop=stop)
    thread.join()

    (training.workspace / "go").touch()
    outcome = training.run("train", spec=a_spec(training={"steps": 9}))
    assert outcome.stages[0].message == "from 0 to 5"


def test_no_stage_starts_after_a_stop_was_asked_for(training: Bench) -> None:
    stop = StopRequest()
    stop.stop()
    outcome = training.run("train", stop=stop)
    assert outcome.stopped
    assert training.seen.started == []


@pytest.mark.parametrize("signals", [1, 2])
def test_a_stage_that_does_not_listen_is_ended_with_everything_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals: int
) -> None:
    bench = Bench(tmp_path, monkeypatch, ingest=STUBBORN)
    pid = bench.workspace / "pid"
    stop = StopRequest()
    thread = stop_when(lambda: pid.exists() and bool(pid.read_text()), stop, times=signals)
    outcome = bench.run("ingest", stop=stop)
    thread.join()
    assert outcome.stopped
    wait_for(lambda: not running(int(pid.read_text())))


def test_a_training_that_still_loads_its_libraries_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, monkeypatch, train=STUCK_IMPORTING)
    bench.pretend_done(StageName.POSES)
    pod = start_pod(bench, tmp_path)
    wait_for((bench.workspace / "importing").exists)
    pod.terminate()
    assert pod.wait(timeout=10) == ExitCode.RESUMABLE_STOP
    assert json.loads((tmp_path / "termination-log").read_text()).get("failure") is None


def test_a_stage_that_was_asked_to_stop_by_others_has_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_from_outside = """
import os, signal

def run(context):
    os.kill(os.getpid(), signal.SIGTERM)
"""
    outcome = Bench(tmp_path, monkeypatch, ingest=ended_from_outside).run("ingest")
    assert (outcome.stopped, outcome.failure) == (True, None)


def test_a_pod_asked_to_stop_while_it_starts_ends_as_resumable(training: Bench, tmp_path: Path) -> None:
    pod = start_pod(training, tmp_path)
    wait_for(lambda: handles(pod.pid, signal.SIGTERM) or pod.poll() is not None)
    pod.terminate()
    assert pod.wait(timeout=10) == ExitCode.RESUMABLE_STOP


def handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def start_pod(bench: Bench, tmp_path: Path) -> subprocess.Popen[bytes]:
    """The worker's entry point, as in a pod, in the class that trains."""
    job = WorkerJob(
        namespace="museum", name="statue", uid="1", attempt=1, resource_class=ResourceClass.RECONSTRUCT, spec=a_spec()
    )
    return subprocess.Popen(
        [sys.executable, "-m", "reconstruction_worker", "--workspace", str(bench.workspace), "--stages", PACKAGE,
         "--termination-log", str(tmp_path / "termination-log")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), ENV_JOB: job.model_dump_json(by_alias=True)},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_killed_run_leaves_no_process_and_resumes(training: Bench, tmp_path: Path) -> None:
    pod = start_pod(training, tmp_path)
    wait_for(at_step_two(training))
    stage = int((training.workspace / "pid").read_text())
    assert running(stage)
    pod.send_signal(signal.SIGKILL)
    pod.wait()
    wait_for(lambda: not running(stage))

    (training.workspace / "go").touch()
    outcome = training.run("train")
    assert outcome.exit_code is ExitCode.DONE
    assert outcome.stages[0].message == "from 2 to 5"


def test_a_pod_asked_to_stop_ends_as_resumable(training: Bench, tmp_path: Path) -> None:
    pod = start_pod(training, tmp_path)
    wait_for(at_step_two(training))
    pod.terminate()
    assert pod.wait(timeout=30) == ExitCode.RESUMABLE_STOP
    assert json.loads((tmp_path / "termination-log").read_text()).get("failure") is None


def test_what_led_to_a_final_failure_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    diverging = """
from reconstruction_api.errors import ReconstructionError

def run(context):
    before = len(list(context.folder.iterdir()))
    (context.folder / "checkpoint").touch()
    raise ReconstructionError("TrainingDiverged", f"found {before} files")
"""
    bench = Bench(tmp_path, monkeypatch, train=diverging)
    bench.pretend_done(StageName.POSES)
    for _ in range(2):
        outcome = bench.run("train")
        assert outcome.failure is not None
        assert outcome.failure.message == "found 0 files"
