"""Photos that are added to another job's poses (source.jobRef.addPhotos), by the whole executor."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.stages import BY_NAME, StageName
from reconstruction_worker.executor import Outcome, Run, execute
from reconstruction_worker.observers import Observers
from reconstruction_worker.process import StopRequest

from .poses.scenes import ball_photos, ball_views
from .stage_packages import a_spec

SIZE = 240
VIEWS = ball_views(np.linspace(-50, 50, 6), SIZE)
LATER = (2, 9)
"""Of the views, those of the second visit."""


def prepared(workspace: Path, *, source: Path | None = None, added: Path | None = None, **wanted: object) -> Outcome:
    """Run ingest and poses."""
    spec = a_spec(endAfter="Poses", source=wanted or {"uri": "photos"})
    stages = [BY_NAME[StageName.INGEST], BY_NAME[StageName.POSES]]
    return execute(Run(spec, workspace, stages, source, added), Observers([]), StopRequest())


def enlarged(workspace: Path, base: Path, added: Path) -> Outcome:
    """Add the photos of a folder to the job whose workspace `base` is."""
    job = {"name": "base", "addPhotos": True}
    return prepared(workspace, source=base, added=added, jobRef=job, uri=str(added))


def folder_of_photos(folder: Path, photos: dict[str, Image.Image]) -> Path:
    folder.mkdir()
    for name, picture in photos.items():
        picture.convert("RGB").save(folder / name)
    return folder


@pytest.fixture(scope="module")
def photos() -> dict[str, Image.Image]:
    return ball_photos(VIEWS)


@pytest.fixture(scope="module")
def base(photos: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Workspace of the first visit."""
    folder = tmp_path_factory.mktemp("base")
    first = {name: picture for index, (name, picture) in enumerate(photos.items()) if index not in LATER}
    outcome = prepared(folder / "workspace", source=folder_of_photos(folder / "photos", first))
    assert outcome.failure is None, outcome.failure
    return folder / "workspace"


@pytest.fixture
def second_visit(photos: dict[str, Image.Image], tmp_path: Path) -> Path:
    later = {name: picture for index, (name, picture) in enumerate(photos.items()) if index in LATER}
    return folder_of_photos(tmp_path / "second", later)


def frames(workspace: Path) -> dict[str, np.ndarray]:
    """Camera-to-world matrices by the photos' names."""
    document = json.loads((workspace / "poses" / "transforms.json").read_text())
    return {Path(frame["file_path"]).name: np.array(frame["transform_matrix"]) for frame in document["frames"]}


def test_added_photos_are_placed_and_the_others_stay(base: Path, second_visit: Path, tmp_path: Path) -> None:
    outcome = enlarged(tmp_path / "workspace", base, second_visit)
    assert outcome.failure is None, outcome.failure
    assert [stage.message for stage in outcome.stages][1] == "2 of 2 added photos placed beside 10 of job 'base'"
    assert "2 photos added" in outcome.stages[0].message and "(from job base)" in outcome.stages[0].message
    before, after = frames(base), frames(tmp_path / "workspace")
    assert len(after) == len(before) + 2
    for name, pose in before.items():
        assert after[name] == pytest.approx(pose, abs=1e-9)
    world = {name: json.loads((each / "poses" / "transforms.json").read_text()) for name, each in
             {"before": base, "after": tmp_path / "workspace"}.items()}  # fmt: skip
    assert np.array(world["after"]["worldFromModel"]) == pytest.approx(np.array(world["before"]["worldFromModel"]))
    assert world["after"]["upFrom"] == world["before"]["upFrom"]
    # The two new cameras are as far from their neighbours as the rendered ones, in units of the same scale.
    truth = {f"ball-{index:02d}.png": view.camera_to_world[:3, 3] for index, view in enumerate(VIEWS)}
    scale = np.linalg.norm(after["ball-00.png"][:3, 3] - after["ball-05.png"][:3, 3]) / np.linalg.norm(
        truth["ball-00.png"] - truth["ball-05.png"]
    )
    for index in LATER:
        new, old = f"ball-{index:02d}.png", "ball-00.png"
        found = np.linalg.norm(after[new][:3, 3] - after[old][:3, 3]) / scale
        assert found == pytest.approx(np.linalg.norm(truth[new] - truth[old]), rel=0.01)


def test_photos_can_be_added_again_and_nothing_runs_twice(base: Path, second_visit: Path, tmp_path: Path) -> None:
    (second_visit / "ball-09.png").rename(tmp_path / "ball-09.png")
    assert enlarged(tmp_path / "once", base, second_visit).failure is None
    assert all(stage.skipped for stage in enlarged(tmp_path / "once", base, second_visit).stages)
    third = tmp_path / "third"
    third.mkdir()
    (tmp_path / "ball-09.png").rename(third / "ball-09.png")
    outcome = enlarged(tmp_path / "twice", tmp_path / "once", third)
    assert outcome.failure is None, outcome.failure
    assert outcome.stages[1].message == "1 of 1 added photos placed beside 11 of job 'base'"


def test_photos_that_both_have_are_left_out(base: Path, second_visit: Path, tmp_path: Path) -> None:
    for name in ("ball-00.png", "ball-01.png"):
        shutil.copyfile(base.parent / "photos" / name, second_visit / f"again-{name}")
    outcome = enlarged(tmp_path / "workspace", base, second_visit)
    assert "2 photos added (2 left out)" in outcome.stages[0].message
    only_copies = folder_of_photos(tmp_path / "copies", {})
    shutil.copyfile(base.parent / "photos" / "ball-00.png", only_copies / "ball-00.png")
    failure = enlarged(tmp_path / "other", base, only_copies).failure
    assert failure is not None and failure.code == "ImageCountOutOfRange"
    assert "only photos that the other job has (1): there is nothing to add" in failure.message


def test_photos_on_a_claim_are_added_too_and_named_by_it(
    base: Path, photos: dict[str, Image.Image], tmp_path: Path
) -> None:
    """Where a pod has mounted it; a video there is one of its files."""
    added = folder_of_photos(tmp_path / "added", {"ball-00.png": photos["ball-09.png"]})
    source = {"jobRef": {"name": "base", "addPhotos": True}, "persistentVolumeClaim": {"claimName": "visits"}}
    failure = prepared(tmp_path / "workspace", source=base, added=added, **source).failure
    assert failure is not None
    assert failure.message.startswith("spec.source.persistentVolumeClaim: ball-00.png is the name of another photo")
    (added / "ball-00.png").rename(added / "later.png")
    outcome = prepared(tmp_path / "workspace", source=base, added=added, **source)
    assert outcome.failure is None, outcome.failure
    assert outcome.stages[1].message == "1 of 1 added photos placed beside 10 of job 'base'"


def test_another_photo_of_the_same_name_is_refused(base: Path, photos: dict[str, Image.Image], tmp_path: Path) -> None:
    added = folder_of_photos(tmp_path / "added", {"ball-00.png": photos["ball-09.png"]})
    failure = enlarged(tmp_path / "workspace", base, added).failure
    assert failure is not None and failure.code == "InvalidSpec"
    assert failure.message.startswith("spec.source.uri: ball-00.png is the name of another photo of job 'base'")


def test_photos_of_something_else_fail_and_are_named(base: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(3).random((60, 60, 3)) * 255
    picture = Image.fromarray(noise.astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.NEAREST)
    failure = enlarged(tmp_path / "workspace", base, folder_of_photos(tmp_path / "added", {"odd.png": picture})).failure
    assert failure is not None and failure.code == "PoseEstimationFailed"
    assert failure.message == "None of the 1 added photos could be placed beside those of job 'base': odd.png."


def test_a_job_without_cameras_to_add_to_is_told_so(base: Path, second_visit: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    shutil.copytree(base, earlier)
    path = earlier / "stages" / "poses.json"
    record = json.loads(path.read_text())
    record["outputs"] = [each for each in record["outputs"] if each["path"] != "poses/cameras.json"]
    path.write_text(json.dumps(record))
    failure = enlarged(tmp_path / "workspace", earlier, second_visit).failure
    assert failure is not None and failure.code == "CheckpointIncompatible"
    assert "job 'base' has no cameras that photos could be added to" in failure.message
    assert "raise spec.redo.poses of job 'base'" in failure.suggestion
