"""The deadlines of a run on this machine, with tiny stages in place of the real ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.worker.stage_packages import PACKAGE, write_stages

from reconstruction_api.errors import ExitCode
from reconstruction_cli.deadlines import Clock
from reconstruction_cli.local_run import run_locally

JOB = """apiVersion: reconstruction.dev/v1alpha1
kind: ReconstructionJob
metadata: {name: statue}
spec:
  source: {uri: ./photos}
  exports: [{format: GLB}]
"""
# Continues only when it is told to, and says when it waits; saves what it has when it is stopped.
WAITING = """
import time
from reconstruction_worker.stage import StageOutput, Stopped

def run(context):
    go = context.workspace / "go"
    if not (context.stop_requested() or go.exists()):
        (context.workspace / "waits").touch()
    while not go.exists():
        if context.stop_requested():
            (context.folder / "saved").touch()
            raise Stopped
        time.sleep(0.01)
    return StageOutput("waited")
"""
LIMIT = 100
"""Seconds of a deadline; they pass at once, as soon as the training waits."""


class Alarm(threading.Thread):
    """Lets the time pass that it was set for, once the training waits."""

    def __init__(self, clock: WaitingClock, seconds: float, call: Callable[[], None]):
        super().__init__(daemon=True)
        self._clock, self._seconds, self._call = clock, seconds, call
        self._cancelled = threading.Event()

    def run(self) -> None:
        while not self._clock.waits.exists():
            if self._cancelled.wait(0.01):
                return
        self._clock.waits.unlink()
        self._clock.seconds += self._seconds
        self._call()

    def cancel(self) -> None:
        self._cancelled.set()


class WaitingClock:
    """Stands still, but for the alarms."""

    def __init__(self, waits: Path):
        self.waits = waits
        self.seconds = 0.0

    def timer(self, seconds: float, call: Callable[[], None]) -> Alarm:
        alarm = Alarm(self, seconds, call)
        alarm.start()
        return alarm

    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self.timer)


class Runs:
    """Runs of one job that waits in its training."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        write_stages(folder / "python", monkeypatch, train=WAITING)
        (folder / "photos").mkdir()
        self._job, self._out = folder / "job.yaml", folder / "out"
        self.workspace = self._out / "workspace"
        self._clock = WaitingClock(self.workspace / "waits").clock()

    def run(self, fields: str = "", until: str = "train") -> ExitCode:
        """`fields` are lines of the spec."""
        self._job.write_text(JOB + fields)
        return run_locally(
            self._job,
            out=self._out,
            volumes=(),
            jobs=(),
            source=None,
            until=until,
            verify=False,
            package=PACKAGE,
            clock=self._clock,
        )

    def go(self) -> None:
        (self.workspace / "go").touch()

    @property
    def notes(self) -> Path:
        return self.workspace / "stages" / "running-time.json"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(tmp_path, monkeypatch)


def test_at_the_soft_deadline_a_run_saves_and_goes_on_only_when_the_field_is_raised(
    runs: Runs, capfd: pytest.CaptureFixture[str]
) -> None:
    assert runs.run(f"  softDeadlineSeconds: {LIMIT}\n") is ExitCode.RESUMABLE_STOP
    assert "as long as spec.softDeadlineSeconds allows" in capfd.readouterr().out
    assert (runs.workspace / "train" / "saved").exists()

    runs.go()
    assert runs.run(f"  softDeadlineSeconds: {LIMIT}\n") is ExitCode.RESUMABLE_STOP
    shown = capfd.readouterr().out
    assert "train:" not in shown.replace("train: stopped", "")
    assert "Raise or clear the field" in shown

    assert runs.run(f"  softDeadlineSeconds: {LIMIT + 1}\n") is ExitCode.DONE
    assert "train: resuming" in capfd.readouterr().out
    assert runs.run("  softDeadlineSeconds: 1\n") is ExitCode.DONE, "what is done needs no more time"


def test_after_the_active_deadline_a_run_has_failed(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert runs.run(f"  activeDeadlineSeconds: {LIMIT}\n") is ExitCode.RESOURCE
        err = capfd.readouterr().err
        assert err.startswith("DeadlineExceeded in stage train")
        assert "as long as spec.activeDeadlineSeconds allows" in err


def test_the_time_of_a_stage_with_other_settings_does_not_count(runs: Runs) -> None:
    assert runs.run(f"  softDeadlineSeconds: {LIMIT}\n") is ExitCode.RESUMABLE_STOP
    runs.go()
    assert runs.run(f"  softDeadlineSeconds: {LIMIT}\n  training: {{steps: 7}}\n") is ExitCode.DONE


def test_damaged_notes_of_earlier_runs_are_no_obstacle(runs: Runs) -> None:
    assert runs.run(until="ingest") is ExitCode.DONE
    runs.notes.write_text('{"train": 3}')
    runs.go()
    assert runs.run("  softDeadlineSeconds: 100\n") is ExitCode.DONE
    assert json.loads(runs.notes.read_text())["train"]["seconds"] >= 0
