"""The deadlines of a run on this machine, with tiny stages in place of the real ones."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.worker.stage_packages import PACKAGE, write_stages

from reconstruction_api.errors import ExitCode
from reconstruction_cli.local_run import run_locally

JOB = """apiVersion: reconstruction.dev/v1alpha1
kind: ReconstructionJob
metadata: {name: statue}
spec:
  source: {uri: ./photos}
  exports: [{format: GLB}]
"""
# Continues only when it is told to; saves what it has when it is stopped.
WAITING = """
import time
from reconstruction_worker.stage import StageOutput, Stopped

def run(context):
    while not (context.workspace / "go").exists():
        if context.stop_requested():
            (context.folder / "saved").touch()
            raise Stopped
        time.sleep(0.01)
    return StageOutput("waited")
"""


class Runs:
    """Runs of one job that waits in its training."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        write_stages(folder / "python", monkeypatch, train=WAITING)
        (folder / "photos").mkdir()
        self._job, self._out = folder / "job.yaml", folder / "out"
        self.workspace = self._out / "workspace"
        self.two_stages_seconds = 0.0
        """What it takes here to start the processes of two stages that do nothing."""

    def run(self, fields: str = "", until: str = "train") -> ExitCode:
        """`fields` are lines of the spec."""
        self._job.write_text(JOB + fields)
        return run_locally(
            self._job, out=self._out, volumes=(), jobs=(), source=None, until=until, verify=False, package=PACKAGE
        )

    def go(self) -> None:
        (self.workspace / "go").touch()

    def soon(self) -> int:
        """A deadline that is over a few seconds after the training has begun."""
        spent = sum(entry["seconds"] for entry in json.loads(self.notes.read_text()).values())
        return 3 + round(spent + 3 * self.two_stages_seconds)

    @property
    def notes(self) -> Path:
        return self.workspace / "stages" / "running-time.json"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """With poses, not yet trained."""
    runs = Runs(tmp_path, monkeypatch)
    started = time.monotonic()
    assert runs.run(until="poses") is ExitCode.DONE
    runs.two_stages_seconds = time.monotonic() - started
    return runs


def test_at_the_soft_deadline_a_run_saves_and_goes_on_only_when_the_field_is_raised(
    runs: Runs, capfd: pytest.CaptureFixture[str]
) -> None:
    soon = runs.soon()
    assert runs.run(f"  softDeadlineSeconds: {soon}\n") is ExitCode.RESUMABLE_STOP
    assert "as long as spec.softDeadlineSeconds allows" in capfd.readouterr().out
    assert (runs.workspace / "train" / "saved").exists()

    runs.go()
    assert runs.run(f"  softDeadlineSeconds: {soon}\n") is ExitCode.RESUMABLE_STOP
    shown = capfd.readouterr().out
    assert "train:" not in shown.replace("train: stopped", "")
    assert "Raise or clear the field" in shown

    assert runs.run(f"  softDeadlineSeconds: {soon + 100}\n") is ExitCode.DONE
    assert "train: resuming" in capfd.readouterr().out
    assert runs.run("  softDeadlineSeconds: 1\n") is ExitCode.DONE, "what is done needs no more time"


def test_after_the_active_deadline_a_run_has_failed(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    soon = runs.soon()
    for _ in range(2):
        assert runs.run(f"  activeDeadlineSeconds: {soon}\n") is ExitCode.RESOURCE
        err = capfd.readouterr().err
        assert err.startswith("DeadlineExceeded in stage train")
        assert "as long as spec.activeDeadlineSeconds allows" in err


def test_the_time_of_a_stage_with_other_settings_does_not_count(runs: Runs) -> None:
    soon = runs.soon()
    assert runs.run(f"  softDeadlineSeconds: {soon}\n") is ExitCode.RESUMABLE_STOP
    runs.go()
    assert runs.run(f"  softDeadlineSeconds: {soon}\n  training: {{steps: 7}}\n") is ExitCode.DONE


def test_damaged_notes_of_earlier_runs_are_no_obstacle(runs: Runs) -> None:
    runs.notes.write_text('{"train": 3}')
    runs.go()
    assert runs.run("  softDeadlineSeconds: 100\n") is ExitCode.DONE
    assert json.loads(runs.notes.read_text())["train"]["seconds"] > 0
