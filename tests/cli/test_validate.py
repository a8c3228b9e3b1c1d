"""Mistakes in a job's YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Recon

JOB = """apiVersion: reconstruction.dev/v1alpha1
kind: ReconstructionJob
metadata: {name: statue}
spec:
  source: {uri: ./photos}
  engine: nerfacto
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return path


def test_a_good_file_is_valid(recon: Recon, job: Path) -> None:
    answer = recon("validate", job)
    assert (answer.status, answer.err) == (0, "")
    assert "statue is valid" in answer.out


def test_every_mistake_is_named_by_field_and_line(recon: Recon, job: Path) -> None:
    job.write_text(JOB + "  trainig: {steps: 5}\n  mesh: {targetFaces: 1}\n")
    answer = recon("validate", job)
    assert answer.status == 2
    assert "InvalidSpec" in answer.err
    assert "spec.trainig" in answer.err
    assert "line 7" in answer.err
    assert "spec.mesh.targetFaces" in answer.err
    assert "line 8" in answer.err


def test_an_unknown_engine_gets_a_suggestion(recon: Recon, job: Path) -> None:
    job.write_text(JOB.replace("nerfacto", "nerfacta"))
    answer = recon("validate", job)
    assert answer.status == 2
    assert "EngineUnavailable" in answer.err
    assert "Did you mean 'nerfacto'?" in answer.err


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"- a\n- b\n", b"{unclosed"])
def test_what_is_no_job_at_all_is_said_without_a_traceback(recon: Recon, job: Path, content: bytes) -> None:
    job.write_bytes(content)
    answer = recon("validate", job)
    assert answer.status == 2
    assert "InvalidSpec" in answer.err
    assert "Traceback" not in answer.err


def test_a_missing_file_is_named(recon: Recon, tmp_path: Path) -> None:
    answer = recon("validate", tmp_path / "nothing.yaml")
    assert answer.status == 2
    assert "nothing.yaml" in answer.err
