"""One run on this machine: killed in training, resumed, run again, changed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import trimesh

from .runs import Document, DrivenRun, texture_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STAGES = ["ingest", "poses", "train", "mesh", "texture", "evaluate", "export", "report"]


@pytest.fixture(scope="module")
def photos(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every other one of the demo's photos."""
    folder = tmp_path_factory.mktemp("photos")
    for photo in sorted(demo_photos.iterdir())[::2]:
        shutil.copy(photo, folder)
    return folder


@pytest.fixture(scope="module")
def killed_and_resumed(
    driven_run: Callable[[str, Document, Path], DrivenRun], small_demo: Document, photos: Path
) -> DrivenRun:
    """A run whose processes were all killed after the second checkpoint, and that was then started again."""
    run = driven_run("local", small_demo, photos)
    checkpoints = run.workspace / "train" / "checkpoints"
    run.kill_when(lambda: {"step-000040.ckpt", "step-000040.ckpt.sha256"} <= names_in(checkpoints))
    assert not (run.workspace / "stages" / "train.json").exists()
    shutil.copy(history_of(run), run.folder / "history-before.jsonl")
    assert run.complete() == 0, run.output
    return run


def history_of(run: DrivenRun) -> Path:
    return run.workspace / "train" / "history.jsonl"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*")}


def redone(run: DrivenRun) -> list[str]:
    """Stages that the last run worked on."""
    return [stage for stage in STAGES if re.search(rf"^{stage}: done", run.output, re.MULTILINE)]


def test_training_goes_on_from_its_last_checkpoint_after_sigkill(killed_and_resumed: DrivenRun) -> None:
    said = killed_and_resumed.output
    assert "ingest: already done" in said
    assert "poses: already done" in said
    assert "train: resuming" in said
    # A line of the history tells how long its step took: lines are the same only where steps were not redone.
    before = (killed_and_resumed.folder / "history-before.jsonl").read_text().splitlines()
    after = history_of(killed_and_resumed).read_text().splitlines()
    up_to_the_checkpoint = [line for line in before if json.loads(line)["step"] <= 40]
    assert json.loads(up_to_the_checkpoint[-1])["step"] == 40
    assert after[: len(up_to_the_checkpoint)] == up_to_the_checkpoint
    assert json.loads(after[-1])["step"] == 80


def test_all_photos_are_placed_and_the_held_out_ones_are_met(killed_and_resumed: DrivenRun) -> None:
    registration = json.loads((killed_and_resumed.workspace / "poses" / "registration.json").read_text())
    assert registration["registered"] == registration["total"] == 20
    quality = json.loads((killed_and_resumed.out / "quality.json").read_text())
    assert quality["verdict"] == "pass"
    assert quality["psnr"] >= 17


def test_the_model_is_one_textured_piece_of_the_size_asked_for(killed_and_resumed: DrivenRun) -> None:
    mesh = trimesh.load(killed_and_resumed.out / "model.glb", force="mesh", process=True)
    assert isinstance(mesh, trimesh.Trimesh)
    assert 1000 < len(mesh.faces) <= 10000
    assert texture_of(mesh).size == (512, 512)


def test_the_manifest_describes_the_files_beside_it(killed_and_resumed: DrivenRun) -> None:
    manifest = json.loads((killed_and_resumed.out / "manifest.json").read_text())
    names = {artifact["name"] for artifact in manifest["artifacts"]}
    assert {"report.html", "model.glb", "quality.json"} <= names
    for artifact in manifest["artifacts"]:
        content = (killed_and_resumed.out / artifact["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == artifact["sha256"]


def test_a_second_run_redoes_nothing_and_another_export_only_what_depends_on_it(killed_and_resumed: DrivenRun) -> None:
    run = killed_and_resumed
    before = {stage: run.record(stage) for stage in STAGES}
    assert run.complete() == 0
    assert redone(run) == []
    assert {stage: run.record(stage) for stage in STAGES} == before

    changed = deepcopy(run.job)
    changed["spec"]["exports"] = [{"format": "GLB", "compression": "Draco"}, {"format": "PLY"}]
    plain = (run.out / "model.glb").stat().st_size
    run.job = changed
    assert run.complete() == 0
    assert redone(run) == ["export", "report"]
    assert (run.out / "model.ply").exists()
    assert (run.out / "model.glb").stat().st_size < plain
    assert {stage: run.record(stage) for stage in STAGES[:6]} == {stage: before[stage] for stage in STAGES[:6]}
