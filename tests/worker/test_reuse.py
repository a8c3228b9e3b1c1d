"""Results that are copied from another job's workspace: what is taken, what is made, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reconstruction_api.stages import StageName
from reconstruction_worker.records import read_record, write_record

from .stage_packages import TINY, Bench, a_spec

PHOTOS = """
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original

def dataset(count):
    original = Original(name="a.jpg", width=8, height=8, sha256="0" * 64)
    images = [DatasetImage(name=f"{n}.png", file=f"ingest/images/{n}.png", width=8, height=8, original=original)
              for n in range(count)]
    return Dataset(images=images).model_dump_json(by_alias=True)
"""
INGEST = PHOTOS + TINY.replace(
    "stage = BY", '(context.folder / "dataset.json").write_text(dataset(30))\n    stage = BY'
)
TRAIN = TINY.replace(
    "stage = BY",
    """(context.folder / "engine.json").write_text('{"engine": "nerfacto"}')
    stage = BY""",
)


STAGES = ("ingest", "poses", "train", "mesh", "texture", "evaluate")


class Pair:
    """A job that is done up to its training, and another that builds on it."""

    def __init__(self, folder: Path, base: Bench, monkeypatch: pytest.MonkeyPatch):
        self.base = base
        (folder / "child").mkdir()
        self.child = Bench(folder / "child", monkeypatch)
        self.child.source = base.workspace

    def run(self, reuse: str, *names: str, **fields):
        names = names or ("ingest", "poses", "train", "mesh")
        self.outcome = self.child.run(
            *names, spec=a_spec(source={"jobRef": {"name": "base", "reuse": reuse}}, **fields)
        )
        return self.child.runs()


def base_in(folder: Path, monkeypatch: pytest.MonkeyPatch, ingest: str = INGEST) -> Bench:
    (folder / "base").mkdir()
    return Bench(folder / "base", monkeypatch, ingest=ingest, train=TRAIN)


def make(base: Bench) -> None:
    """Do the job on which another builds."""
    base.run("ingest", "poses", "train", spec=a_spec(training={"steps": 7}))
    base.runs()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Workspace of the job on which others build; each test has a copy."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        base = base_in(tmp_path_factory.mktemp("made"), monkeypatch)
        make(base)
    return base.workspace


@pytest.fixture
def pair(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    base = base_in(tmp_path, monkeypatch)
    shutil.copytree(made, base.workspace)
    return Pair(tmp_path, base, monkeypatch)


@pytest.mark.parametrize(
    ("reuse", "own"),
    [
        ("Photos", ["poses", "train", "mesh", "texture", "evaluate"]),
        ("Poses", ["train", "mesh", "texture", "evaluate"]),
        ("Training", ["mesh", "texture", "evaluate"]),
        ("Model", []),
    ],
)
def test_what_the_other_job_has_is_copied_and_the_rest_is_made(pair: Pair, reuse: str, own: list[str]) -> None:
    pair.base.run(*STAGES, spec=a_spec(training={"steps": 7}))
    assert pair.run(reuse, *STAGES) == own
    assert pair.outcome.failure is None
    for stage in set(STAGES) - set(own):
        ours, theirs = (bench.workspace / stage / "out.json" for bench in (pair.child, pair.base))
        assert ours.read_bytes() == theirs.read_bytes()
    assert "(from job base)" in pair.outcome.stages[0].message
    assert pair.outcome.metrics["ingestRuns"] == 1, "its numbers come along"
    assert pair.run(reuse, *STAGES) == []


def test_another_result_of_the_other_job_is_taken_over_when_it_is_asked_for(pair: Pair) -> None:
    pair.run("Poses")
    pair.base.run("ingest", "poses", spec=a_spec(poses={"minRegisteredPercent": 90}))
    assert pair.run("Poses") == [], "what was copied stays"
    assert pair.run("Poses", redo={"poses": 1}) == ["train", "mesh"]
    settings = json.loads((pair.child.workspace / "poses" / "out.json").read_text())[0]
    assert settings == {"poses": {"minRegisteredPercent": 90}}


@pytest.mark.parametrize("reuse", ["Photos", "Poses", "Training"])
def test_the_other_job_is_not_needed_for_what_comes_after(pair: Pair, reuse: str) -> None:
    pair.run(reuse)
    for gone in (pair.base.workspace / "gone", None):
        pair.child.source = gone
        assert pair.run(reuse, redo={"mesh": len(str(gone))}) == ["mesh"]
        assert pair.outcome.failure is None


def test_a_copy_that_was_damaged_says_what_to_do_where_the_other_job_is_gone(pair: Pair) -> None:
    pair.run("Training")
    (pair.child.workspace / "train" / "out.json").unlink()
    pair.child.source = None
    pair.run("Training")
    assert pair.outcome.failure is not None and pair.outcome.failure.code == "DependencyNotReady"
    assert (pair.child.workspace / "stages" / "train.json").exists(), "nothing of the copy is thrown away"


def test_a_field_that_was_trained_with_other_poses_than_were_copied_is_not_taken(pair: Pair) -> None:
    pair.run("Training", "ingest", "poses")
    pair.base.run("ingest", "poses", "train", spec=a_spec(poses={"minRegisteredPercent": 90}, training={"steps": 7}))
    pair.run("Training")
    assert pair.outcome.failure is not None and pair.outcome.failure.code == "DependencyNotReady"
    assert "job 'base' has changed stage poses since it was copied" in pair.outcome.failure.message
    assert pair.outcome.failure.suggestion == "Copy it again: raise spec.redo.poses."
    assert pair.run("Training", redo={"poses": 1}) == ["mesh"]
    assert pair.outcome.failure is None


def test_a_result_that_is_not_there_yet_is_waited_for(pair: Pair) -> None:
    (pair.base.workspace / "stages" / "poses.json").unlink()
    pair.run("Poses")
    assert pair.outcome.failure is not None
    assert (pair.outcome.failure.code, pair.outcome.failure.retryable) == ("DependencyNotReady", True)
    assert "job 'base' has no result of stage poses" in pair.outcome.failure.message


@pytest.mark.parametrize("damage", ["changed", "missing", "outside"])
def test_files_that_are_not_what_their_record_says_are_not_taken(pair: Pair, damage: str) -> None:
    file = pair.base.workspace / "poses" / "out.json"
    if damage == "changed":
        file.write_text("else")
    elif damage == "missing":
        file.unlink()
    else:
        record = read_record(pair.base.workspace, StageName.POSES)
        assert record is not None
        record.outputs[0].path = "poses/../../secret"
        write_record(pair.base.workspace, record)
    pair.run("Poses")
    assert pair.outcome.failure is not None and pair.outcome.failure.code == "DependencyNotReady"
    assert not (pair.child.workspace / "stages" / "poses.json").exists()


def test_a_result_of_another_version_of_the_worker_is_named(pair: Pair) -> None:
    record = read_record(pair.base.workspace, StageName.POSES)
    assert record is not None
    write_record(pair.base.workspace, record.model_copy(update={"code_version": 0}))
    pair.run("Poses")
    assert pair.outcome.failure is not None and pair.outcome.failure.code == "CheckpointIncompatible"
    assert "spec.redo.poses of job 'base'" in pair.outcome.failure.suggestion


def test_a_training_of_another_engine_is_refused(pair: Pair) -> None:
    pair.run("Training", engine="splatfacto")
    assert pair.outcome.failure is not None and pair.outcome.failure.code == "CheckpointIncompatible"
    assert "'nerfacto', which 'splatfacto' can't read" in pair.outcome.failure.message


def test_photos_of_another_job_must_be_as_many_as_this_jobs_engine_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_in(tmp_path, monkeypatch, INGEST.replace("dataset(30)", "dataset(1)"))
    make(base)
    pair = Pair(tmp_path, base, monkeypatch)
    pair.run("Photos")
    assert pair.outcome.failure is not None and pair.outcome.failure.code == "ImageCountOutOfRange"
    assert "job 'base' has one photo" in pair.outcome.failure.message
