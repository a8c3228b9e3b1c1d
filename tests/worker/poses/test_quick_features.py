"""Points of many photos with known poses, and the doubt that leads back to COLMAP's features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycolmap
import pytest
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.pose_files import PoseFormat
from reconstruction_worker.poses import triangulate
from reconstruction_worker.poses.posed_model import PosedModel, Shot, SparsePoints
from reconstruction_worker.poses.provided.provided_poses import ALWAYS, Provided
from reconstruction_worker.poses.quick_features import find_features
from reconstruction_worker.poses.sfm import Workbench
from reconstruction_worker.poses.similar_features import RATIO, most_similar
from reconstruction_worker.poses.triangulate import _seen_quickly, with_points

from .scenes import Array, ball_photos, ball_views, write_ingest

SIZE = 240
OTHERS = [5, 2, 7, 0, 3, 6, 1, 4]
OPENCV = np.diag([1.0, -1, -1, 1])


@pytest.fixture(scope="module")
def shown() -> tuple[dict[str, Image.Image], Array]:
    """Photos of the ball, and their cameras [N, 4, 4] (OpenCV axes)."""
    views = ball_views(np.linspace(-30, 30, 4), SIZE)
    photos = {name: photo.convert("RGB") for name, photo in ball_photos(views).items()}
    return photos, np.stack([view.camera_to_world @ OPENCV for view in views])


@pytest.fixture
def bench(shown: tuple[dict[str, Image.Image], Array], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """With photos that count as many."""
    monkeypatch.setattr(triangulate, "EXHAUSTIVE_UP_TO", 4)
    (tmp_path / "scratch").mkdir()
    dataset = write_ingest(tmp_path, shown[0])
    return Workbench(tmp_path, tmp_path / "scratch", dataset.images, lambda done, message: None, lambda: False)


def given(poses: Array) -> Provided:
    lens = pycolmap.Camera(
        model="PINHOLE", width=SIZE, height=SIZE, params=[1.3 * SIZE, 1.3 * SIZE, SIZE / 2, SIZE / 2]
    )
    shots = tuple(Shot(f"ball-{index:02d}.png", 1, pose) for index, pose in enumerate(poses))
    model = PosedModel({1: lens}, shots, SparsePoints.none())
    return Provided(PoseFormat.TRANSFORMS, "transforms.json", model, ALWAYS, "camera-to-world")


def test_quick_features_of_true_poses_show_the_surface_and_leave_no_doubt(
    bench: Workbench, shown: tuple[dict[str, Image.Image], Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triangulate, "extract", None)  # calls fail
    points = with_points(bench, given(shown[1])).points
    radius = np.linalg.norm(points.xyz, axis=1)
    assert len(points.xyz) > 200
    assert ((radius > 0.86) & (radius < 1.14)).mean() > 0.97
    assert set(points.observations[:, 0].tolist()) == set(range(len(shown[1])))


@pytest.mark.parametrize("wrong", ["other axes", "other photos"])
def test_wrong_poses_are_refused(wrong: str, bench: Workbench, shown: tuple[dict[str, Image.Image], Array]) -> None:
    poses = shown[1] @ OPENCV if wrong == "other axes" else shown[1][OTHERS]
    with pytest.raises(ReconstructionError, match="contradict the photos") as failure:
        with_points(bench, given(poses))
    assert failure.value.code == "InvalidPoses"


@pytest.mark.parametrize("order", [OTHERS, [3, 6, 5, 0, 7, 2, 1, 4]])
def test_poses_of_other_photos_are_doubted(
    order: list[int], bench: Workbench, shown: tuple[dict[str, Image.Image], Array]
) -> None:
    true, shuffled = _seen_quickly(bench, [given(shown[1]).model, given(shown[1][order]).model])
    assert true.sure
    assert not shuffled.sure


def test_what_a_mask_hides_bears_no_features(bench: Workbench) -> None:
    for photo in bench.photos:
        mask = np.zeros((SIZE, SIZE), np.uint8)
        mask[:, : SIZE // 2] = 255
        Image.fromarray(mask).save(bench.workspace / f"{photo.name}-mask.png")
    photos = [photo.model_copy(update={"mask": f"{photo.name}-mask.png"}) for photo in bench.photos]
    found = find_features(Workbench(bench.workspace, bench.scratch, photos, bench.say, bench.stop_requested))
    assert all(len(each.points) > 50 and each.points[:, 0].max() <= SIZE / 2 for each in found)


def test_similar_features_are_those_of_all_distances() -> None:
    generator = np.random.default_rng(0)
    known = generator.integers(0, 120, (40, 128))
    photos = [
        np.clip(known[generator.permutation(40)[:count]] + generator.integers(-9, 10, (count, 128)), 0, 255)
        for count in (30, 25, 0)
    ]
    starts = np.cumsum([0, *(len(each) for each in photos)])
    descriptors = np.concatenate(photos).astype(np.uint8)
    pairs = [(0, 1), (1, 0), (0, 2)]
    for (first, second), found in zip(pairs, most_similar(descriptors, starts, np.array(pairs)), strict=True):
        assert sorted(map(tuple, found.tolist())) == by_all_distances(photos[first], photos[second])


def by_all_distances(first: NDArray[np.integer], second: NDArray[np.integer]) -> list[tuple[int, int]]:
    if not len(second):
        return []
    distance = np.linalg.norm(first[:, None].astype(float) - second, axis=2)
    best = distance.argmin(axis=1)
    clear = np.sort(distance, axis=1)[:, 0] < RATIO * np.sort(distance, axis=1)[:, 1]
    return [(i, int(j)) for i, j in enumerate(best) if clear[i] and distance[:, j].argmin() == i]
