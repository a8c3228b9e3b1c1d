"""`recon submit`: a job's YAML goes to the cluster."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tests.cli.cluster.conftest import JOB, Museum
from tests.cli.conftest import Recon

pytestmark = pytest.mark.cluster


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return path


def test_a_job_is_created_in_the_contexts_namespace_then_unchanged_then_changed(
    recon: Recon, museum: Museum, file: Path
) -> None:
    assert recon("submit", file).out == f"{museum.name}/statue created.\n"
    assert museum.job()["spec"]["source"] == {"uri": "s3://captures/statue/"}
    assert recon("submit", file).out == f"{museum.name}/statue unchanged.\n"
    file.write_text(JOB + "  training: {steps: 500}\n")
    assert recon("submit", file).out == f"{museum.name}/statue changed.\n"
    file.write_text(JOB)
    recon("submit", file)
    assert "steps" not in museum.job()["spec"].get("training", {}), "a field that left the file is unset again"


def test_every_mistake_is_named_before_anything_is_sent(recon: Recon, museum: Museum, file: Path) -> None:
    file.write_text(JOB.replace("s3:", "s3:") + "  trainig: {}\n  engine: 5\n")
    answer = recon("submit", file)
    assert answer.status == 2
    assert "spec.trainig" in answer.err and "spec.engine" in answer.err
    assert museum.send("GET", "").get("items") == []


def test_what_only_the_server_knows_is_told_in_its_words(recon: Recon, museum: Museum, file: Path) -> None:
    file.write_text(JOB.replace("s3://captures/statue/", "./photos"))
    answer = recon("submit", file)
    assert answer.status == 2
    assert answer.err.startswith("InvalidSpec\n  spec.source.uri: uri must begin with s3://")


def test_changing_the_photos_is_refused_with_its_own_code(recon: Recon, museum: Museum, file: Path) -> None:
    recon("submit", file)
    file.write_text(JOB.replace("statue/", "other/"))
    answer = recon("submit", file)
    assert answer.status == 2
    assert answer.err.startswith("SpecImmutable\n  spec.source: spec.source can't change after creation")


def test_a_field_of_another_tool_is_taken_over_only_when_told_so(recon: Recon, museum: Museum, file: Path) -> None:
    recon("submit", file)
    museum.send(
        "PATCH", "statue?fieldManager=gitops", {"spec": {"training": {"steps": 7}}}, "application/merge-patch+json"
    )
    file.write_text(JOB + "  training: {steps: 500}\n")
    answer = recon("submit", file)
    assert answer.status == 2
    assert answer.err.startswith("FieldConflict\n  spec.training.steps: conflict with")
    assert "gitops" in answer.err
    assert recon("submit", file, "--force-conflicts").status == 0
    assert museum.job()["spec"]["training"]["steps"] == 500


def test_a_dry_run_keeps_nothing(recon: Recon, museum: Museum, file: Path) -> None:
    assert "nothing was stored" in recon("submit", file, "--dry-run").out
    assert museum.send("GET", "")["items"] == []


def test_a_job_saved_from_the_cluster_can_be_submitted_again(
    recon: Recon, museum: Museum, file: Path, tmp_path: Path
) -> None:
    recon("submit", file)
    saved = tmp_path / "saved.yaml"
    museum.write_status(stage="train")
    text = museum.rest.send(
        "GET",
        f"/apis/reconstruction.dev/v1alpha1/namespaces/{museum.name}/reconstructionjobs/statue",
        accept="application/yaml",
    ).message
    saved.write_text(text)
    assert recon("submit", saved).out == f"{museum.name}/statue unchanged.\n"


def test_the_files_namespace_and_the_command_lines_must_agree(recon: Recon, museum: Museum, file: Path) -> None:
    file.write_text(JOB.replace("  name: statue", "  name: statue\n  namespace: elsewhere"))
    answer = recon("submit", file, "-n", museum.name)
    assert answer.status == 2
    assert "names namespace 'elsewhere'" in answer.err


def test_a_missing_namespace_is_named(recon: Recon, museum: Museum, file: Path) -> None:
    answer = recon("submit", file, "-n", "nowhere")
    assert answer.status == 2
    assert "ObjectNotFound\n  There is no namespace 'nowhere'." in answer.err


def test_a_job_is_read_from_standard_input(recon: Recon, museum: Museum, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(JOB))
    assert recon("submit", "-").status == 0
