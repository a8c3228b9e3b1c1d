"""Which photos of a large set are compared, by what COLMAP's database has of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image

from reconstruction_worker.poses.pairs import PairChoice, Pairing
from reconstruction_worker.poses.partners import pairs_to_match
from reconstruction_worker.poses.sfm import CameraGroup, Workbench, enter_photos
from reconstruction_worker.stage import Stopped

from .scenes import an_image
from .test_alike import walk

COUNT = 30
ORDER = np.random.default_rng(4).permutation(COUNT).tolist()
"""On the way, of the photos by their names."""


def bench_in(folder: Path, stopped: bool = False) -> Workbench:
    return Workbench(folder, folder, [an_image(f"{i:02d}.png") for i in range(COUNT)], lambda *_: None, lambda: stopped)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos along a way, in random order, with features of which each next shows half."""
    folder = tmp_path_factory.mktemp("database")
    names = [f"{index:02d}.png" for index in range(COUNT)]
    for name in names:
        Image.new("RGB", (8, 8)).save(folder / name)
    path, descriptors = folder / "d.db", walk(COUNT)
    enter_photos([CameraGroup(names, "SIMPLE_RADIAL", "")], folder, path)
    generator = np.random.default_rng(0)
    with pycolmap.Database.open(path) as db:
        for image in db.read_all_images():
            found = descriptors[ORDER[names.index(image.name)]]
            size = generator.uniform(1, 9, (len(found), 1))
            keypoints = np.hstack([generator.uniform(0, 8, (len(found), 2)), size, np.zeros_like(size)])
            db.write_keypoints(image.image_id, keypoints.astype(np.float32))
            features = pycolmap.FeatureDescriptors(
                type=pycolmap.FeatureExtractorType.SIFT, data=np.rint(512 * found).clip(0, 255).astype(np.uint8)
            )
            db.write_descriptors(image.image_id, features)
    return path


def test_photos_that_look_alike_join_those_of_the_order(database: Path, tmp_path: Path) -> None:
    order = tuple((index, index + 1) for index in range(COUNT - 1))
    pairs = set(pairs_to_match(bench_in(tmp_path), PairChoice(Pairing.SEQUENTIAL, order), database))
    place = {step: photo for photo, step in enumerate(ORDER)}
    for step in range(COUNT):
        first, second = sorted((place[step], place[(step + 1) % COUNT]))
        assert (first, second) in pairs
    assert set(order) <= pairs, "each photo has few partners here, so none that the order suggests is left out"


def test_small_sets_are_not_looked_at(tmp_path: Path) -> None:
    choice = PairChoice(Pairing.EXHAUSTIVE, ((0, 1), (0, 2), (1, 2)))
    assert pairs_to_match(bench_in(tmp_path), choice, tmp_path / "none.db") == choice.pairs


def test_looking_for_partners_can_be_stopped(database: Path, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        pairs_to_match(bench_in(tmp_path, stopped=True), PairChoice(Pairing.SPATIAL, ((0, 1),)), database)
