"""What a job delivers that ends with its camera poses: read back by other programs, it says the same."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image
from tests.worker.geometry.scenes import MeshField, around, bumpy_sphere, write_poses

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.geometry.cameras import project
from reconstruction_worker.geometry.scene import load_scene
from reconstruction_worker.geometry.sparse import in_frame
from reconstruction_worker.poses.output import write_observations, write_points
from reconstruction_worker.poses.posed_model import SparsePoints
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import report

SPEC = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "endAfter": "Poses"})
POINTS = 60


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cameras around a sphere, with points on it, delivered."""
    workspace = tmp_path_factory.mktemp("workspace")
    write_poses(workspace, MeshField(bumpy_sphere()), around(6, size=64))
    _add_depth(workspace)
    scene = load_scene(workspace)
    places = np.random.default_rng(3).normal(size=(POINTS, 3))
    places *= 0.4 / np.linalg.norm(places, axis=1, keepdims=True)
    pairs = [(index, int(point)) for index, view in enumerate(scene.views) for point in in_frame(view, places)]
    colours = np.arange(POINTS * 3, dtype=np.uint8).reshape(POINTS, 3)
    points = SparsePoints(places, colours, np.full(POINTS, 6), np.array(pairs))
    write_points(workspace / "poses" / "points.ply", points)
    write_observations(workspace / "poses" / "observations.npz", points)
    (workspace / "poses" / "registration.json").write_text('{"registered": 6, "total": 6}')
    (workspace / "artifacts").mkdir()
    context = StageContext(StageName.REPORT, workspace, SPEC, lambda progress: None, lambda: False, job_name="ball")
    output = report.run(context)
    assert output.message.startswith("camera poses of 6 of")
    return workspace


def _add_depth(workspace: Path) -> None:
    """To one of the photos."""
    file = workspace / "poses" / "transforms.json"
    document = json.loads(file.read_text())
    (workspace / "poses" / "depth").mkdir()
    document["frames"][0]["depth_file_path"] = "poses/depth/first.png"
    Image.fromarray(np.full((64, 64), 1500, np.uint16)).save(workspace / "poses" / "depth" / "first.png")
    file.write_text(json.dumps(document))


@pytest.fixture(scope="module")
def unpacked(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    with zipfile.ZipFile(workspace / "artifacts" / "dataset.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def test_the_artifacts_are_named_with_true_sizes(workspace: Path) -> None:
    manifest = json.loads((workspace / "artifacts" / "manifest.json").read_text())
    sizes = {each["name"]: each["sizeBytes"] for each in manifest["artifacts"]}
    delivered = {"dataset.zip", "points.ply", "preview.png", "registration.json", "report.html", "transforms.json"}
    assert sizes.keys() == delivered == {path.name for path in (workspace / "artifacts").iterdir()} - {"manifest.json"}
    assert all((workspace / "artifacts" / name).stat().st_size == size for name, size in sizes.items())
    assert manifest["engine"] is None


def test_transforms_name_pictures_that_are_in_the_data_set(unpacked: Path) -> None:
    transforms = json.loads((unpacked / "transforms.json").read_text())
    assert len(transforms["frames"]) == 6
    assert all((unpacked / frame["file_path"]).is_file() for frame in transforms["frames"])
    assert (unpacked / transforms["ply_file_path"]).is_file()
    with Image.open(unpacked / transforms["frames"][0]["depth_file_path"]) as depth:
        assert np.asarray(depth)[0, 0] == 1500


def test_colmap_reads_the_same_cameras_and_points(workspace: Path, unpacked: Path) -> None:
    model = pycolmap.Reconstruction(unpacked / "sparse" / "0")
    scene = load_scene(workspace)
    assert (len(model.images), len(model.cameras)) == (6, 1)
    images = {image.name: image for image in model.images.values()}
    for view in scene.views:
        image = images[view.name]
        assert np.allclose(image.projection_center(), view.camera.camera_to_world[:3, 3], atol=1e-9)
        for point2d in image.points2D:
            xyz = model.points3D[point2d.point3D_id].xyz
            assert np.allclose(image.project_point(xyz), point2d.xy, atol=2e-3)
            assert np.allclose(project(view.camera, xyz[None])[0][0], point2d.xy, atol=2e-3)
    assert sum(point.track.length() for point in model.points3D.values()) == sum(
        len(image.points2D) for image in images.values()
    )
    first = model.points3D[min(model.points3D)]
    assert tuple(first.color) == tuple(np.arange(3) + 3 * (min(model.points3D) - 1))


def test_the_same_poses_make_the_same_archive(workspace: Path) -> None:
    before = (workspace / "artifacts" / "dataset.zip").read_bytes()
    context = StageContext(StageName.REPORT, workspace, SPEC, lambda progress: None, lambda: False)
    for path in (workspace / "artifacts").iterdir():
        path.unlink()
    report.run(context)
    assert (workspace / "artifacts" / "dataset.zip").read_bytes() == before
