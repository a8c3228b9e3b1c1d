"""The whole stage on photos of a small textured ball, whose true cameras are known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
import pytest
import trimesh
from PIL import Image

from demo_photos.cameras import View
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_worker.exporters.place import read_place
from reconstruction_worker.geometry.similarity import fit_similarity
from reconstruction_worker.stage import Stopped
from reconstruction_worker.stages import ingest, poses

from .scenes import Array, ball_photos, ball_views, degrees_between, poses_context, write_ingest

VIEWS, SIZE = 10, 240
Y_UP_TO_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def views() -> list[View]:
    return ball_views(np.linspace(-35, 35, 5), SIZE)


@pytest.fixture(scope="module")
def photos(views: list[View]) -> dict[str, Image.Image]:
    return ball_photos(views)


@pytest.fixture(scope="module")
def estimated(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Image.Image]) -> tuple[Path, list[Any], Any]:
    workspace = tmp_path_factory.mktemp("estimated")
    write_ingest(workspace, photos)
    context, reports = poses_context(workspace)
    return workspace, reports, poses.run(context)


def _transforms(workspace: Path) -> dict[str, Any]:
    return json.loads((workspace / "poses" / "transforms.json").read_text())


def _cameras(document: dict[str, Any]) -> Array:
    return np.array([frame["transform_matrix"] for frame in document["frames"]])


def test_estimated_poses_match_the_true_cameras(estimated: tuple[Path, list[Any], Any], views: list[View]) -> None:
    document = _transforms(estimated[0])
    truth = np.stack([view.camera_to_world for view in views])
    found = _cameras(document)
    assert len(found) == VIEWS
    fit = fit_similarity(truth[:, :3, 3], found[:, :3, 3])
    errors = np.linalg.norm(fit.points(truth[:, :3, 3]) - found[:, :3, 3], axis=1) / fit.scale
    assert errors.max() < 0.03 * 3
    turned = fit.rotation @ truth[:, :3, :3]
    assert max(degrees_between(a[:, 2], b[:, 2]) for a, b in zip(turned, found[:, :3, :3], strict=True)) < 1.5
    assert document["fl_x"] == pytest.approx(views[0].focal, rel=0.05)
    assert degrees_between(fit.rotation @ [0, 1, 0], np.array([0.0, 0, 1])) < 4
    assert degrees_between(fit.rotation @ [0, 0, 1], np.array([0.0, -1, 0])) < 10


def test_the_files_are_those_of_the_contract(estimated: tuple[Path, list[Any], Any]) -> None:
    workspace, _, output = estimated
    document = _transforms(workspace)
    assert document["camera_model"] == "PINHOLE"
    assert document["scene"]["kind"] == "bounded"
    assert document["hasAlpha"] is True
    assert np.abs(document["scene"]["box"]).max() == pytest.approx(1)
    for frame in document["frames"]:
        with Image.open(workspace / frame["file_path"]) as picture:
            assert picture.mode == "RGBA"
            assert picture.size == (document["w"], document["h"])
    cloud = trimesh.load(workspace / "poses" / "points.ply")
    assert isinstance(cloud, trimesh.PointCloud)
    assert len(cloud.vertices) > 100
    assert np.ptp(np.asarray(cloud.colors)[:, :3], axis=0).min() > 50
    registration = json.loads((workspace / "poses" / "registration.json").read_text())
    assert registration["registered"] == registration["total"] == VIEWS
    assert registration["strategies"][0]["strategy"] == "standard"
    assert registration["points"] == len(cloud.vertices)
    assert 0 < registration["meanReprojectionError"] < 1
    assert 0 < registration["medianReprojectionError"] < 1
    assert sorted(path.name for path in (workspace / "poses").iterdir()) == [
        "cameras.json",
        "images",
        "observations.npz",
        "points.ply",
        "registration.json",
        "transforms.json",
    ]
    with np.load(workspace / "poses" / "observations.npz") as tracks:
        np.testing.assert_allclose(tracks["points"], cloud.vertices, atol=1e-6)
        assert set(tracks["frame"].tolist()) == set(range(VIEWS))
        assert np.bincount(tracks["point"]).min() >= 2
    assert output.message == f"{VIEWS} of {VIEWS} photos registered"
    assert output.metrics["registeredImages"] == VIEWS


def test_progress_rises_through_features_pairs_and_placing(estimated: tuple[Path, list[Any], Any]) -> None:
    reports = estimated[1]
    percents = [report.percent for report in reports]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    text = " ".join(report.message for report in reports)
    assert "features in 4 of 10" in text
    assert "of 45 pairs" in text
    assert "undistorted 10 of 10" in text


def test_a_second_estimate_is_the_same(
    estimated: tuple[Path, list[Any], Any], photos: dict[str, Image.Image], tmp_path: Path
) -> None:
    write_ingest(tmp_path, photos)
    poses.run(poses_context(tmp_path)[0])
    assert np.allclose(_cameras(_transforms(tmp_path)), _cameras(_transforms(estimated[0])), atol=1e-4)


def test_masks_beside_the_photos_hide_a_background_that_does_not_turn_with_the_object(
    photos: dict[str, Image.Image], tmp_path: Path
) -> None:
    clutter = Image.fromarray(np.random.default_rng(2).integers(0, 255, (30, 30, 3), np.uint8)).resize((SIZE, SIZE), 0)
    pictures = {name: Image.alpha_composite(clutter.convert("RGBA"), p).convert("RGB") for name, p in photos.items()}
    (tmp_path / "ingest" / "masks").mkdir(parents=True)
    for name, photo in photos.items():
        photo.getchannel("A").save(tmp_path / "ingest" / "masks" / name)
    write_ingest(tmp_path, pictures, mask=lambda name: f"ingest/masks/{name}")
    poses.run(poses_context(tmp_path)[0])
    document = _transforms(tmp_path)
    assert len(document["frames"]) == VIEWS
    assert document["scene"]["kind"] == "bounded"
    eyes = _cameras(document)[:, :3, 3]
    assert np.ptp(eyes, axis=0).max() > 1
    with Image.open(tmp_path / document["frames"][0]["file_path"]) as picture:
        assert picture.getchannel("A").getextrema() == (0, 255)


def test_wide_baselines_are_bridged_by_a_later_strategy(tmp_path: Path) -> None:
    write_ingest(tmp_path, ball_photos(ball_views(np.linspace(-66, 66, 4), SIZE)))
    poses.run(poses_context(tmp_path)[0])
    registration = json.loads((tmp_path / "poses" / "registration.json").read_text())
    assert registration["registered"] == 8
    assert registration["strategies"][0]["registered"] < 7
    assert registration["strategy"] != "standard"


def _provide(workspace: Path, views: list[View], names: list[str], flip: Array | None = None) -> None:
    frames = [
        {
            "file_path": name,
            "transform_matrix": (Y_UP_TO_Z_UP @ view.camera_to_world @ (np.eye(4) if flip is None else flip)).tolist(),
        }
        for name, view in zip(names, views, strict=True)
    ]
    document = {"fl_x": views[0].focal, "w": SIZE, "h": SIZE, "frames": frames}
    (workspace / "ingest" / "provided").mkdir()
    (workspace / "ingest" / "provided" / "transforms.json").write_text(json.dumps(document))


def test_provided_poses_are_kept_and_get_points(
    photos: dict[str, Image.Image], views: list[View], tmp_path: Path
) -> None:
    write_ingest(tmp_path, photos)
    _provide(tmp_path, views, list(photos))
    poses.run(poses_context(tmp_path)[0])
    document = _transforms(tmp_path)
    assert document["upFrom"] == "provided"
    similarity = np.array(document["worldFromModel"])
    scale = np.cbrt(np.linalg.det(similarity[:3, :3]))
    given = np.stack([Y_UP_TO_Z_UP @ view.camera_to_world for view in views])
    expected = given[:, :3, 3] @ similarity[:3, :3].T + similarity[:3, 3]
    assert np.allclose(_cameras(document)[:, :3, 3], expected, atol=1e-9)
    assert np.allclose(similarity[:3, :3], scale * np.eye(3), atol=1e-9)
    registration = json.loads((tmp_path / "poses" / "registration.json").read_text())
    assert registration["method"] == "provided"
    assert registration["points"] > 100
    assert registration["meanReprojectionError"] < 1


def test_ground_control_points_tell_metres_and_place(
    photos: dict[str, Image.Image], views: list[View], tmp_path: Path
) -> None:
    write_ingest(tmp_path, photos)
    _provide(tmp_path, views, list(photos))
    metres, spots = 3.0, np.array([[0.2, -0.9, 0.1], [-0.4, -0.8, 0.3], [0.1, -0.7, -0.5], [0.5, -0.6, 0.4]])
    lines = ["EPSG:32615"]
    for number, spot in enumerate(spots):
        east, north, up = metres * spot + [576_700, 5_188_100, 160]
        for name, view in zip(photos, views, strict=True):
            camera = Y_UP_TO_Z_UP @ view.camera_to_world
            x, y, z = (spot - camera[:3, 3]) @ camera[:3, :3]
            column, row = SIZE / 2 - view.focal * x / z, SIZE / 2 + view.focal * y / z
            lines.append(f"{east} {north} {up} {column} {row} {name} p{number}")
    (tmp_path / "ingest" / "gcp_list.txt").write_text("\n".join(lines))
    output = poses.run(poses_context(tmp_path)[0])
    assert "4 ground control points fit to 0.00" in output.message
    document = _transforms(tmp_path)
    scale = np.cbrt(np.linalg.det(np.array(document["worldFromModel"])[:3, :3]))
    assert document["metresPerUnit"] * scale == pytest.approx(metres, rel=2e-3)
    place = read_place(tmp_path / "poses", document["metresPerUnit"])
    assert place is not None and document["georeference"]["controlPoints"] == 4
    world = spots @ np.array(document["worldFromModel"])[:3, :3].T + np.array(document["worldFromModel"])[:3, 3]
    on_map = place.on_map(world * document["metresPerUnit"])
    assert np.abs(on_map - (metres * spots + [576_700, 5_188_100, 160])).max() < 0.01


def test_provided_poses_with_another_convention_contradict_the_photos(
    photos: dict[str, Image.Image], views: list[View], tmp_path: Path
) -> None:
    write_ingest(tmp_path, photos)
    _provide(tmp_path, views, list(photos), flip=np.diag([1.0, -1, -1, 1]))
    with pytest.raises(ReconstructionError, match="contradict the photos") as failure:
        poses.run(poses_context(tmp_path)[0])
    assert failure.value.code == "InvalidPoses"


@pytest.mark.parametrize("suffix", [".bin", ".txt"])
def test_a_folder_of_photos_with_a_colmap_model_needs_no_structure_from_motion(
    photos: dict[str, Image.Image], views: list[View], tmp_path: Path, suffix: str
) -> None:
    source = tmp_path / "capture"
    (source / "images").mkdir(parents=True)
    (source / "sparse" / "0").mkdir(parents=True)
    for name, photo in photos.items():
        photo.save(source / "images" / name)
    _write_colmap(source / "sparse" / "0", views, list(photos), suffix)
    context, _ = poses_context(tmp_path, method="Provided")
    ingest.run(dataclasses.replace(context, name=StageName.INGEST, source=source))
    poses.run(context)
    registration = json.loads((tmp_path / "poses" / "registration.json").read_text())
    assert (registration["method"], registration["providedFormat"]) == ("provided", "colmap")
    assert registration["registered"] == VIEWS
    assert registration["points"] > 100
    found = _cameras(_transforms(tmp_path))[:, :3, 3]
    truth = np.stack([view.camera_to_world[:3, 3] for view in views])
    assert np.allclose(fit_similarity(truth, found).points(truth), found, atol=1e-6)


def _write_colmap(folder: Path, views: list[View], names: list[str], suffix: str) -> None:
    """The true cameras as COLMAP writes them, without points."""
    model = pycolmap.Reconstruction()
    params = [views[0].focal, SIZE / 2, SIZE / 2]
    model.add_camera_with_trivial_rig(
        pycolmap.Camera(camera_id=1, model="SIMPLE_PINHOLE", width=SIZE, height=SIZE, params=params)
    )
    for number, (name, view) in enumerate(zip(names, views, strict=True), start=1):
        from_world = np.linalg.inv(view.camera_to_world @ np.diag([1.0, -1, -1, 1]))[:3]
        image = pycolmap.Image(name=name, camera_id=1, image_id=number)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(from_world))
    model.write_text(folder) if suffix == ".txt" else model.write_binary(folder)


def test_poses_that_were_asked_for_must_be_there(photos: dict[str, Image.Image], tmp_path: Path) -> None:
    write_ingest(tmp_path, dict(list(photos.items())[:3]))
    with pytest.raises(ReconstructionError, match=r"spec.poses.method is Provided") as failure:
        poses.run(poses_context(tmp_path, method="Provided")[0])
    assert failure.value.code == "InvalidPoses"


def test_photos_that_do_not_overlap_are_told_so(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    pictures = {
        f"{index}.png": Image.fromarray((generator.random((40, 50, 3)) * 255).astype(np.uint8)).resize((250, 200), 0)
        for index in range(4)
    }
    write_ingest(tmp_path, pictures)
    with pytest.raises(ReconstructionError, match="no two of them show the same place") as failure:
        poses.run(poses_context(tmp_path)[0])
    assert failure.value.code == "PoseEstimationFailed"
    assert failure.value.details["tried"][0] == "standard"


def test_photos_without_texture_are_told_so(tmp_path: Path) -> None:
    pictures = {f"{i}.png": Image.new("RGB", (160, 120), (90, 120, 40 * i)) for i in range(4)}
    write_ingest(tmp_path, pictures)
    with pytest.raises(ReconstructionError, match="too little texture") as failure:
        poses.run(poses_context(tmp_path)[0])
    assert failure.value.code == "PoseEstimationFailed"
    found = json.loads((tmp_path / "poses" / "registration.json").read_text())
    assert (found["registered"], found["total"], len(found["unregistered"])) == (0, 4, 4)
    assert found["strategies"][0]["strategy"] == "standard"


def test_a_stop_is_honoured_between_the_steps(photos: dict[str, Image.Image], tmp_path: Path) -> None:
    write_ingest(tmp_path, photos)
    context, reports = poses_context(tmp_path, stop_requested=lambda: any("pairs" in r.message for r in reports))
    with pytest.raises(Stopped):
        poses.run(context)
    assert not any((tmp_path / "poses").iterdir())
