"""What finished jobs of a cluster took, by their status, makes an estimate a measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.cli.test_estimate import JOB, write

from reconstruction_api.errors import ReconstructionError
from reconstruction_cli.cluster.commands.options import Target
from reconstruction_cli.estimating.cluster_jobs import cluster_jobs, samples_of
from reconstruction_cli.main import recon

MIDNIGHT = "2026-01-31T00:00:00Z"


def stage(name: str, seconds: int, **more: Any) -> dict[str, Any]:
    end = f"2026-01-31T00:{seconds // 60:02d}:{seconds % 60:02d}Z"
    return {"name": name, "state": "Succeeded", "attempt": 1, "startTime": MIDNIGHT, "completionTime": end, **more}


def job(*stages: dict[str, Any], succeeded: str = "True", spec: dict[str, Any] | None = None, **status: Any) -> Any:
    """One that has trained 500 steps on 20 photos, on a CPU."""
    ended = {"type": "Succeeded", "status": succeeded, "reason": "R", "message": "", "lastTransitionTime": MIDNIGHT}
    known = {
        "engine": "splats",
        "conditions": [ended],
        "stages": list(stages),
        "metrics": {"images": 20, "steps": 500, "device": "CPU", "peakMemoryBytes": 3 << 30},
    }
    return {"spec": {"source": {"uri": "s3://a/b/"}, **(spec or {})}, "status": known | status}


TRAINED = stage("train", 50)


def names(document: Any, on_gpu: bool = False) -> list[str]:
    return [sample.stage for sample in samples_of(document, "splats", on_gpu=on_gpu)]


def test_a_finished_job_tells_what_its_stages_took_for_their_work() -> None:
    (sample,) = samples_of(job(TRAINED), "splats", on_gpu=False)
    assert (sample.seconds, sample.units, sample.memory_bytes) == (50, 500, 3 << 30)


@pytest.mark.parametrize(
    "changed",
    [
        {"succeeded": "False"},
        {"engine": "nerfacto"},
        {"metrics": {"device": "NVIDIA A10"}},
        {"metrics": {}},
        {"spec": {"source": {"jobRef": {"name": "other", "reuse": "Training"}}}},
        {"spec": {"source": 7}},
    ],
    ids=["failed", "another engine", "on a GPU", "nothing known", "copied", "of another release"],
)
def test_jobs_that_say_nothing_of_this_work_are_left_out(changed: dict[str, Any]) -> None:
    assert names(job(TRAINED, **changed)) == []


def test_a_gpu_s_times_are_for_jobs_with_a_gpu() -> None:
    assert names(job(TRAINED, metrics={"device": "NVIDIA A10"}), on_gpu=True) == ["train"]


@pytest.mark.parametrize("how", [{"attempt": 2}, {"state": "Running"}, {"completionTime": None}, {"name": "polish"}])
def test_a_stage_that_was_interrupted_or_is_unknown_is_no_measure(how: dict[str, Any]) -> None:
    assert names(job(TRAINED | how, stage("mesh", 9))) == ["mesh"]


@pytest.mark.parametrize("wanted", [None, True])
def test_a_cluster_that_does_not_answer_fails_only_who_wants_it(tmp_path: Path, wanted: bool | None) -> None:
    target = Target(kubeconfig=str(tmp_path / "none"))
    if wanted:
        with pytest.raises(ReconstructionError):
            cluster_jobs(target, wanted)
    else:
        found = cluster_jobs(target, wanted)
        assert found.documents == () and found.said.startswith("No finished jobs of a cluster: ")


def test_without_a_kubeconfig_no_cluster_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert cluster_jobs(Target(), None).said == ""
    assert cluster_jobs(Target(namespace="museum"), False).said == ""


def test_the_command_says_where_its_measures_are_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Museum:
        namespace = "museum"

        def pages(self, path: str) -> list[Any]:
            assert path.endswith("/namespaces/museum/reconstructionjobs")
            return [{"items": [job(TRAINED)]}, {"items": [job(stage("train", 70)), job(succeeded="False")]}]

    monkeypatch.setattr("reconstruction_cli.cluster.connection.connect", lambda target: Museum())
    file = write(tmp_path, "job.yaml", {**JOB, "spec": JOB["spec"] | {"source": {"uri": "s3://captures/statue/"}}})
    options = ["--photos", "40", "--results", str(tmp_path / "out"), "--cluster"]
    text = CliRunner().invoke(recon, ["estimate", str(file), *options], catch_exceptions=False).output
    assert "2 finished jobs in namespace museum" in text
    training = next(line for line in text.splitlines() if "Training" in line)
    assert "2 min" in training and "measured on 2 finished jobs" in training
    assert "a guess" in next(line for line in text.splitlines() if "Cameras" in line)
