"""Which photos with known poses are looked at for points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image

from reconstruction_worker.ingest.dataset import DatasetImage, Original
from reconstruction_worker.ingest.pose_files import PoseFormat
from reconstruction_worker.poses import triangulate
from reconstruction_worker.poses.posed_model import PosedModel, Shot, SparsePoints
from reconstruction_worker.poses.provided.provided_poses import ALWAYS, Provided, Share
from reconstruction_worker.poses.sfm import FeatureSettings, Workbench, camera_groups, extract
from reconstruction_worker.poses.triangulate import with_points

from .scenes import write_ingest

NAMES = ("a.png", "b.png", "c.png", "d.png")
SHARES = {"a.png": Share.EVAL, "b.png": Share.TRAIN, "c.png": Share.UNUSED, "d.png": Share.TRAIN}


def given(shares: dict[str, Share]) -> Provided:
    lens = pycolmap.Camera(model="PINHOLE", width=10, height=10, params=[10, 10, 5, 5])
    model = PosedModel({1: lens}, tuple(Shot(name, 1, np.eye(4)) for name in NAMES), SparsePoints.none())
    return Provided(PoseFormat.TRANSFORMS, "transforms.json", model, ALWAYS, "camera-to-world", shares=shares)


@pytest.mark.parametrize(
    ("shares", "few", "looked_at"), [(SHARES, 2, ["b.png", "d.png"]), (SHARES, 3, list(NAMES)), ({}, 2, list(NAMES))]
)
def test_points_are_found_in_photos_that_are_trained_on_unless_these_are_few(
    shares: dict[str, Share],
    few: int,
    looked_at: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    count = len(looked_at)

    def found(bench: Workbench, model: PosedModel, number: int) -> triangulate._Seen:
        seen.append([photo.name for photo in bench.photos])
        assert [shot.name for shot in model.shots] == seen[-1]
        points = SparsePoints(
            np.zeros((1, 3)),
            np.zeros((1, 3), np.uint8),
            np.array([count]),
            np.stack([np.arange(count), np.zeros(count, np.int64)], axis=1),
        )
        return triangulate._Seen(replace(model, points=points), 0, 0)

    monkeypatch.setattr(triangulate, "FEW", few)
    monkeypatch.setattr(triangulate, "_seen", found)
    original = Original(name="", width=10, height=10, sha256="")
    photos = [DatasetImage(name=name, file=name, width=10, height=10, original=original) for name in NAMES]
    bench = Workbench(tmp_path, tmp_path, photos, lambda done, message: None, lambda: False)
    model = with_points(bench, given(shares))
    assert seen == [looked_at]
    assert [NAMES[shot] for shot in model.points.observations[:, 0]] == looked_at


def test_a_large_set_does_without_the_smallest_features_which_take_most_of_the_time(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    photos = write_ingest(tmp_path, {"a.png": Image.fromarray(noise).resize((240, 240), Image.Resampling.BICUBIC)})
    counts = []
    for settings in (FeatureSettings(max_features=triangulate.OF_MANY.max_features), triangulate.OF_MANY):
        scratch = tmp_path / str(len(counts))
        scratch.mkdir()
        bench = Workbench(tmp_path, scratch, photos.images, lambda done, message: None, lambda: False)
        extract(bench, settings, camera_groups(photos.images), scratch / "features.db")
        with pycolmap.Database.open(scratch / "features.db") as db:
            (image,) = db.read_all_images()
            counts.append(db.num_keypoints_for_image(image.image_id))
    assert 100 < counts[1] < counts[0]
