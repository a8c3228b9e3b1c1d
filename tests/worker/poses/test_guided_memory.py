"""Guided matching is held to the memory that it may take, whatever the number of processors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image

from reconstruction_worker.poses import sfm
from reconstruction_worker.poses.sfm import BYTES_PER_GUIDED_PAIR, GUIDED_MEMORY_BYTES, CameraGroup, enter_photos
from reconstruction_worker.poses.strategies import ladder


@pytest.mark.parametrize(("features", "threads"), [(500, 16), (4000, 5), (8192, 1), (20_000, 1)])
def test_threads_are_as_many_as_the_photo_with_the_most_features_leaves(
    features: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sfm, "available_cpus", lambda: 16)
    database = tmp_path / "d.db"
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    enter_photos([CameraGroup(["a.png", "b.png"], "SIMPLE_RADIAL", "")], tmp_path, database)
    with pycolmap.Database.open(database) as db:
        for image, count in zip(db.read_all_images(), (10, features), strict=True):
            db.write_keypoints(image.image_id, np.zeros((count, 4), np.float32))
    assert sfm._guided_threads(database) == threads


def test_each_photo_keeps_no_more_features_than_were_asked_for(tmp_path: Path) -> None:
    database, counts = tmp_path / "d.db", (5, 40, 0)
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    enter_photos([CameraGroup(["a.png", "b.png", "c.png"], "SIMPLE_RADIAL", "")], tmp_path, database)
    with pycolmap.Database.open(database) as db:
        for image, count in zip(db.read_all_images(), counts, strict=True):
            rows = np.arange(count, dtype=np.float32)[:, None] * np.ones(6, np.float32)
            data = (np.arange(count)[:, None] * np.ones(128)).astype(np.uint8)
            db.write_keypoints(image.image_id, rows)
            db.write_descriptors(
                image.image_id, pycolmap.FeatureDescriptors(data=data, type=pycolmap.FeatureExtractorType.SIFT)
            )
    sfm.keep_largest(database, 12)
    with pycolmap.Database.open(database) as db:
        for image, count in zip(db.read_all_images(), (5, 12, 0), strict=True):
            keypoints, descriptors = db.read_keypoints(image.image_id), db.read_descriptors(image.image_id)
            assert np.asarray(keypoints)[:, 0].tolist() == list(range(count))
            assert np.asarray(descriptors.data)[:, 0].tolist() == list(range(count))
            assert descriptors.type == pycolmap.FeatureExtractorType.SIFT


def test_one_thread_of_each_strategy_stays_below_the_limit() -> None:
    for step in ladder(known_focals=True, masked=True):
        if step.features.affine:
            assert BYTES_PER_GUIDED_PAIR * step.features.max_features**2 < GUIDED_MEMORY_BYTES, step.name
