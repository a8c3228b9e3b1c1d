"""`recon estimate` measures on the finished jobs of a namespace."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from reconstruction_cli.main import recon

from .conftest import JOB, Museum, condition, stage

pytestmark = pytest.mark.cluster


def test_finished_jobs_of_the_namespace_are_measured(museum: Museum, tmp_path: Path) -> None:
    museum.create(JOB.replace("source:", "engine: splats\n  source:"))
    took = {"startTime": "2026-01-31T12:00:00Z", "completionTime": "2026-01-31T12:05:00Z", "attempt": 1}
    museum.write_status(
        engine="splats",
        conditions=[condition("Succeeded", "True")],
        stages=[stage("train", "Succeeded", **took)],
        metrics={"images": 20, "steps": 500, "device": "CPU", "peakMemoryBytes": 1 << 30},
    )
    file = tmp_path / "job.yaml"
    file.write_text(JOB.replace("source:", "engine: splats\n  training: {steps: 1000}\n  source:"))
    options = ["--photos", "20", "--results", str(tmp_path / "out")]
    text = CliRunner().invoke(recon, ["estimate", str(file), *options], catch_exceptions=False).output
    assert f"1 finished job in namespace {museum.name}" in text
    training = next(line for line in text.splitlines() if "Training" in line)
    assert "10 min" in training and "measured on 1 finished job" in training
