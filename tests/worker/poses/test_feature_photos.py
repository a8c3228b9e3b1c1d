"""Cameras are estimated from the larger copies of photos, and leave in the pixels of those that are trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reconstruction_worker.ingest.dataset import DatasetImage, LargerCopy
from reconstruction_worker.poses.dataset_photos import read_mask
from reconstruction_worker.poses.feature_photos import for_features, resized
from reconstruction_worker.stages import poses

from .scenes import a_model, an_image, ball_photos, ball_views, poses_context, survey_poses, write_ingest


def with_copy(image: DatasetImage, width: int, height: int) -> DatasetImage:
    return image.model_copy(update={"larger": LargerCopy(file="ingest/larger/a.jpg", width=width, height=height)})


def test_a_photo_is_as_large_as_its_copy_and_its_focal_length_too() -> None:
    small = an_image("a.jpg", 400, 300, focal_pixels=500.0)
    (large, same) = for_features([with_copy(small, 1600, 1200), small])
    assert (large.file, large.width, large.height, large.focal_pixels) == ("ingest/larger/a.jpg", 1600, 1200, 2000)
    assert same == small


def test_cameras_come_back_in_the_smaller_size() -> None:
    model = a_model(survey_poses(3), np.zeros((4, 3)))  # 400 x 300
    names = [shot.name for shot in model.shots]
    large = resized(model, [an_image(name, 1600, 1200) for name in names])
    assert large.cameras[1].params.tolist() == [1600, 1600, 800, 600]
    assert large.mean_reprojection_error == pytest.approx(2.0)
    back = resized(large, [an_image(name, 400, 300) for name in names])
    assert back.cameras[1].params.tolist() == model.cameras[1].params.tolist()
    assert (back.cameras[1].width, back.cameras[1].height) == (400, 300)
    assert back.mean_reprojection_error == pytest.approx(0.5)


def test_a_mask_is_as_large_as_the_photo_that_it_is_for(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 40), 255, np.uint8)).save(tmp_path / "mask.png")
    mask = read_mask(tmp_path, an_image("a.jpg", 160, 120, mask="mask.png"))
    assert mask is not None and mask.shape == (120, 160)


def test_photos_that_are_too_small_to_be_placed_are_placed_by_their_larger_copies(tmp_path: Path) -> None:
    pictures = ball_photos(ball_views(np.linspace(-35, 35, 5), 320))
    small = {name: photo.resize((80, 80), Image.Resampling.LANCZOS) for name, photo in pictures.items()}
    dataset = write_ingest(tmp_path, small)
    (tmp_path / "ingest" / "larger").mkdir()
    for image in dataset.images:
        pictures[image.name].save(tmp_path / "ingest" / "larger" / image.name)
        image.larger = LargerCopy(file=f"ingest/larger/{image.name}", width=320, height=320)
    (tmp_path / "ingest" / "dataset.json").write_text(dataset.model_dump_json(by_alias=True))
    poses.run(poses_context(tmp_path)[0])
    registration = json.loads((tmp_path / "poses" / "registration.json").read_text())
    assert (registration["registered"], registration["strategies"][0]["registered"]) == (10, 10)
    assert registration["medianReprojectionError"] < 0.25  # in pixels of the small ones
    document = json.loads((tmp_path / "poses" / "transforms.json").read_text())
    assert document["fl_x"] == pytest.approx(1.3 * 80, rel=0.05)
    assert document["w"] <= 84
    with Image.open(tmp_path / document["frames"][0]["file_path"]) as picture:
        assert picture.size == (document["w"], document["h"])
