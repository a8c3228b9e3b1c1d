"""`python -m reconstruction_worker.tidying`: a part of a workspace goes, and what is left still says what it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.finished_workspace import FILES, record, results
from reconstruction_api.errors import ExitCode, ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.lifecycle import Removal
from reconstruction_api.names import ENV_JOB
from reconstruction_api.stages import StageName
from reconstruction_api.worker import PodReport
from reconstruction_worker.checkpoints import were_removed
from reconstruction_worker.engines.engine_document import EngineDocument
from reconstruction_worker.engines.trained import kept_gaussians, trained_gaussians
from reconstruction_worker.files import write_document
from reconstruction_worker.records import damaged_output, read_record
from reconstruction_worker.stage import StageContext
from reconstruction_worker.tidying import tidy
from reconstruction_worker.workspace import locked

ORDER = {
    "namespace": "museum",
    "name": "statue",
    "uid": "uid-1",
    "attempt": 1,
    "resourceClass": "deliver",
    "spec": {"source": {"uri": "s3://photos/"}},
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Of a job that has trained and delivered."""
    folder = tmp_path / "train"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("checkpoints/result.ckpt", "checkpoints/result.ckpt.sha256"):
        (folder / name).write_bytes(b"1234")
    write_document(folder / "engine.json", EngineDocument(engine="splats", licence="Apache-2.0", device="cpu"))
    record(tmp_path, StageName.TRAIN, "2026-11-29T19:00:00Z")
    return results(tmp_path)


def context(workspace: Path) -> StageContext:
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "s3://photos/"}, "engine": "splats"})
    return StageContext(StageName.EXPORT, workspace, spec, lambda _: None, lambda: False)


def test_checkpoints_go_and_the_rest_of_the_training_stays(workspace: Path):
    assert tidy(workspace, Removal.CHECKPOINTS) == 8
    assert (workspace / "train" / "engine.json").is_file()
    assert not (workspace / "train" / "checkpoints").exists()
    trained, delivered = read_record(workspace, StageName.TRAIN), read_record(workspace, StageName.REPORT)
    assert trained is not None and damaged_output(workspace, trained) is not None  # it would run again
    assert delivered is not None and damaged_output(workspace, delivered) is None
    assert tidy(workspace, Removal.CHECKPOINTS) == 0


def test_artifacts_go_and_the_model_stays(workspace: Path):
    tidy(workspace, Removal.ARTIFACTS)
    assert not (workspace / "artifacts").exists()
    assert (workspace / "train" / "checkpoints" / "result.ckpt").is_file()
    assert not were_removed(workspace)


def test_what_needs_the_trained_model_says_that_it_is_gone(workspace: Path):
    tidy(workspace, Removal.CHECKPOINTS)
    with pytest.raises(ReconstructionError, match=r"export needs the trained model.*checkpointSeconds") as raised:
        trained_gaussians(context(workspace))
    assert raised.value.code == "InputsRemoved"
    assert kept_gaussians(context(workspace)) is None


def test_a_run_in_the_workspace_is_not_disturbed(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("reconstruction_worker.tidying.locked", lambda folder: locked(folder, 0))
    with locked(workspace), pytest.raises(ReconstructionError, match="Another run"):
        tidy(workspace, Removal.ARTIFACTS)
    assert {path.name for path in (workspace / "artifacts").iterdir()} >= set(FILES)


def test_the_pod_says_how_it_ended(workspace: Path, tmp_path: Path):
    said = tmp_path / "termination-log"
    command = [sys.executable, "-m", "reconstruction_worker.tidying", "checkpoints", "--workspace", str(workspace)]
    ended = subprocess.run(
        [*command, "--termination-log", str(said)], env=os.environ | {ENV_JOB: json.dumps(ORDER)}, check=False
    )
    assert ended.returncode == ExitCode.DONE
    report = PodReport.from_termination_message(said.read_text())
    assert report is not None and report.failure is None
    assert were_removed(workspace)
