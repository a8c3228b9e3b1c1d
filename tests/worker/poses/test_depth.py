"""Depth maps get the scale of the poses and follow the photos' undistortion."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
import pytest
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.dataset import DatasetImage
from reconstruction_worker.poses.depth_scale import fit_depth, write_depth
from reconstruction_worker.poses.posed_model import PosedModel
from reconstruction_worker.poses.undistort import Undistorter
from reconstruction_worker.stages import poses

from .scenes import a_model, an_image, poses_context, survey_poses, write_ingest
from .test_canonical import SEEN, photo

HEIGHT = 10.0
"""Of the cameras above the ground, in units of the model."""


def survey(tmp_path: Path, metres: float, noise: float = 0.0) -> tuple[PosedModel, dict[str, DatasetImage]]:
    """Photos of flat ground from `HEIGHT`, and maps that say it is `metres` away; half the photos have one."""
    generator = np.random.default_rng(0)
    points = np.column_stack([generator.uniform(0, 4, 80), generator.uniform(-2, 2, 80), np.zeros(80)])
    model = a_model(survey_poses(4), points)
    photos: dict[str, DatasetImage] = {}
    for index, shot in enumerate(model.shots):
        depth = None
        if index % 2:
            depth = f"{index}.npy"
            values = metres * np.exp(noise * generator.standard_normal((30, 40)))
            np.save(tmp_path / depth, values.astype(np.float32))
        photos[shot.name] = an_image(shot.name, depth=depth)
    return model, photos


def test_the_scale_is_that_of_the_points_in_the_photos(tmp_path: Path) -> None:
    model, photos = survey(tmp_path, metres=2.5, noise=0.05)
    fit = fit_depth(tmp_path, model, photos, known_units=None)
    assert fit.usable_scale == pytest.approx(4.0, rel=0.02)
    assert fit.points > 100
    assert fit.error == pytest.approx(0.05, rel=0.5)


def test_maps_that_say_something_else_than_the_points_are_not_used(tmp_path: Path) -> None:
    model, photos = survey(tmp_path, metres=2.5, noise=0.6)
    fit = fit_depth(tmp_path, model, photos, known_units=1.0)
    assert fit.usable_scale is None
    assert "% off the points" in fit.problem


def test_without_points_the_scale_is_what_is_known(tmp_path: Path) -> None:
    model, photos = survey(tmp_path, metres=2.5)
    bare = replace(model, points=a_model(survey_poses(4), np.zeros((0, 3))).points)
    assert fit_depth(tmp_path, bare, photos, known_units=1.0).usable_scale == 1.0
    assert "too few points" in fit_depth(tmp_path, bare, photos, known_units=None).problem


def written(depth: NDArray[np.float32], camera: pycolmap.Camera, tmp_path: Path, **options: Any) -> NDArray[np.uint16]:
    settings = {"scale": 1.0, "mask": None} | options
    write_depth(depth, undistorter=Undistorter(camera), path=tmp_path / "depth.png", **settings)
    return np.asarray(Image.open(tmp_path / "depth.png")).astype(np.uint16)


def test_distances_are_thousandths_of_a_world_unit(tmp_path: Path) -> None:
    camera = pycolmap.Camera(model="PINHOLE", width=40, height=30, params=[40, 40, 20, 15])
    depth = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    depth[0, 0] = 0
    depth[2, 3] = 200  # too far
    mask = np.full((30, 40), 255, np.uint8)
    mask[:, 10:20] = 0
    table = written(depth, camera, tmp_path, scale=0.5, mask=mask)
    assert table.shape == (30, 40)
    assert table[15, 5] == 2500
    assert table[15, 15] == 0
    assert table[0, 0] == 0
    assert table[29, 39] == 0


def test_maps_are_undistorted_as_photos_are(tmp_path: Path) -> None:
    """A photo whose colours are its distances must stay so."""
    camera = pycolmap.Camera(model="OPENCV", width=400, height=300, params=[300, 300, 200, 150, -0.25, 0.05, 0, 0])
    columns = np.arange(400, dtype=np.float32)[None].repeat(300, 0)
    picture = np.repeat((columns / 2).astype(np.uint8)[..., None], 3, 2)
    undistorted = Undistorter(camera).apply(picture)[..., 0].astype(float)
    table = written(1 + columns, camera, tmp_path, scale=0.01)
    assert table.shape == undistorted.shape
    assert np.abs((table / 10.0 - 1) / 2 - undistorted).max() < 1.5
    assert table.shape != columns.shape  # else nothing was undistorted


def six(tmp_path: Path, maps: int = 6) -> None:
    """Six sides of the box of test_canonical, and for some of them maps that say 0.9 m everywhere."""
    dataset = write_ingest(tmp_path, {f"{side}.png": photo(side, 40) for side in SEEN})
    (tmp_path / "ingest" / "depth").mkdir()
    for image in dataset.images[:maps]:
        image.depth = f"ingest/depth/{image.name}.npy"
        np.save(tmp_path / image.depth, np.full((100, 100), 0.9, np.float32))
    (tmp_path / "ingest" / "dataset.json").write_text(dataset.model_dump_json(by_alias=True))


def transforms(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "poses" / "transforms.json").read_text())


def test_six_photos_and_six_maps(tmp_path: Path) -> None:
    six(tmp_path)
    context, _ = poses_context(tmp_path, method="CanonicalViews", cameraDistanceMillimetres=1000)
    poses.run(context)
    document = transforms(tmp_path)
    for frame in document["frames"]:
        with Image.open(tmp_path / frame["depth_file_path"]) as file:
            table = np.asarray(file).astype(int)
        assert table[200, 200] / 1000 * document["metresPerUnit"] == pytest.approx(0.9, rel=0.001)
        assert table[0, 0] == 0  # not the object
    registration = json.loads((tmp_path / "poses" / "registration.json").read_text())
    assert registration["depth"] == {"used": True, "unitsPerMetre": 1.0, "points": 0, "medianError": None}


def test_six_photos_take_six_maps_or_none(tmp_path: Path) -> None:
    six(tmp_path, maps=5)
    context, _ = poses_context(tmp_path, method="CanonicalViews", cameraDistanceMillimetres=1000)
    with pytest.raises(ReconstructionError, match=r"bottom\.png has none") as caught:
        poses.run(context)
    assert caught.value.code == "DepthInvalid"


def test_six_maps_need_the_cameras_distance(tmp_path: Path) -> None:
    six(tmp_path)
    context, _ = poses_context(tmp_path, method="CanonicalViews")
    with pytest.raises(ReconstructionError, match="cameraDistanceMillimetres") as caught:
        poses.run(context)
    assert caught.value.code == "DepthInvalid"
