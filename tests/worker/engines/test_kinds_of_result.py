"""Whatever an engine makes, the stages after it work on it; with camera poses and without."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from trimesh.visual import ColorVisuals

from reconstruction_api.engines import EngineSpec, Makes
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.files import write_json
from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
from reconstruction_worker.geometry.gaussians import Gaussians
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import evaluate, export, mesh, poses, report, texture

from ..geometry.scenes import MeshField, around, bumpy_sphere, paint, write_poses

SPEC = EngineSpec("made-up", "MIT", "https://example.org", 2, 100, needs_poses=False)
COLOURS = (paint(bumpy_sphere().vertices) * 255).astype(np.uint8)


class MadeUp:
    """An engine that has seen the painted ball."""

    def __init__(self, makes: Makes):
        self.spec = replace(SPEC, makes=makes)

    def load(self, folder: Path, workspace: Path, device: str) -> Any:
        ball = bumpy_sphere()
        return ColouredMesh(ball, COLOURS) if self.spec.makes is Makes.MESH else MeshField(ball)


class MadeOfGaussians(MadeUp):
    def gaussians(self, folder: Path) -> Gaussians:
        return some_gaussians()


def some_gaussians(count: int = 50) -> Gaussians:
    rng = np.random.default_rng(5)
    turns = rng.normal(size=(count, 4))
    return Gaussians(
        means=rng.uniform(-1, 1, (count, 3)).astype(np.float32),
        scales=rng.uniform(0.01, 0.1, (count, 3)).astype(np.float32),
        rotations=(turns / np.linalg.norm(turns, axis=1, keepdims=True)).astype(np.float32),
        opacities=rng.uniform(0, 1, count).astype(np.float32),
        harmonics=rng.normal(size=(count, 4, 3)).astype(np.float32),
    )


@pytest.fixture(params=[Makes.FIELD, Makes.GAUSSIANS, Makes.MESH])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> MadeUp:
    made = MadeOfGaussians(request.param) if request.param is Makes.GAUSSIANS else MadeUp(request.param)
    monkeypatch.setattr("reconstruction_worker.engines.trained.named", lambda name: made)
    return made


def job(*formats: str, **spec: Any) -> ReconstructionJobSpec:
    return ReconstructionJobSpec.model_validate(
        {
            "source": {"uri": "photos"},
            "engine": "made-up",
            "training": {"device": "CPU"},
            "mesh": {"targetFaces": 1500, "textureSize": 128},
            "quality": {"onFailure": "Warn"},
            "exports": [{"format": name} for name in formats],
            **spec,
        }
    )


def run(stage: StageName, module: Any, workspace: Path, spec: ReconstructionJobSpec) -> Any:
    context = StageContext(stage, workspace, spec, lambda progress: None, lambda: False)
    context.folder.mkdir(parents=True, exist_ok=True)
    return module.run(context)


def after_training(workspace: Path, spec: ReconstructionJobSpec, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Quality as delivered, once all that follows the training has run."""
    monkeypatch.setattr("reconstruction_worker.report.preview.PANEL", 60)
    images = [
        {
            "name": "0.png",
            "file": "ingest/images/0.png",
            "width": 8,
            "height": 8,
            "original": {"name": "0.png", "width": 8, "height": 8, "sha256": "0"},
        }
    ]
    (workspace / "ingest").mkdir(exist_ok=True)
    write_json(workspace / "ingest" / "dataset.json", {"images": images})
    for stage, module in (
        (StageName.EVALUATE, evaluate),
        (StageName.MESH, mesh),
        (StageName.TEXTURE, texture),
        (StageName.EXPORT, export),
        (StageName.REPORT, report),
    ):
        run(stage, module, workspace, spec)
    return json.loads((workspace / "artifacts" / "quality.json").read_text())


def corners_of(file: Path) -> NDArray[np.float64]:
    """The points [N, 3] of a cloud."""
    cloud = trimesh.load(file)
    assert isinstance(cloud, trimesh.PointCloud)
    return np.asarray(cloud.vertices)


def surface_distance(file: Path) -> float:
    """Mean distance of a model's corners from the ball that was seen; models are y up."""
    made = trimesh.load_mesh(file)
    upright = made.vertices @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])  # back to z up
    return float(np.abs(trimesh.proximity.signed_distance(ball(), upright)).mean())


def ball() -> trimesh.Trimesh:
    return trimesh.Trimesh(bumpy_sphere().vertices, bumpy_sphere().faces)


def test_with_poses_it_is_compared_with_the_photos(
    engine: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(12, size=96))
    quality = after_training(tmp_path, job("GLB"), monkeypatch)
    assert quality["trained"]["psnr"] > 25 and quality["psnr"] is None  # the engine left no division of the photos
    assert quality["mesh"]["faces"] <= 1500
    assert surface_distance(tmp_path / "artifacts" / "model.glb") < 0.02


def test_without_poses_colours_are_what_the_scene_itself_shows(
    engine: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ingest").mkdir()
    write_json(tmp_path / "ingest" / "dataset.json", {"images": []})
    spec = job("GLB", "PLY", poses={"method": "None"})
    output = run(StageName.POSES, poses, tmp_path, spec)
    assert output.message == "no poses: spec.poses.method is None"
    quality = after_training(tmp_path, spec, monkeypatch)
    assert (quality["psnr"], quality["verdict"], quality["reason"]) == (None, "warn", "there are no camera poses")
    assert surface_distance(tmp_path / "artifacts" / "model.glb") < 0.03
    cloud = trimesh.load_mesh(tmp_path / "artifacts" / "model.ply", process=False)
    assert isinstance(cloud.visual, ColorVisuals)
    colours = np.asarray(cloud.visual.vertex_colors)[:, :3].astype(float)
    assert np.abs(colours - paint(cloud.vertices) * 255).mean() < 16


@pytest.mark.parametrize("name", ["SplatPLY", "SPLAT"])
def test_every_engine_s_result_is_exported_as_gaussians(
    engine: MadeUp, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are, of an engine that makes them; laid on the surface otherwise."""
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(12, size=96))
    spec = job(name)
    after_training(tmp_path, spec, monkeypatch)
    manifest = json.loads((tmp_path / "artifacts" / "manifest.json").read_text())
    listed = {file["name"]: file for file in manifest["artifacts"]}["splats.ply"]
    assert (listed["format"], listed["mediaType"]) == (name, "application/ply")
    points = corners_of(tmp_path / "artifacts" / "splats.ply")
    if engine.spec.makes is Makes.GAUSSIANS:
        assert len(points) == 50
    else:
        assert 150_000 < len(points) <= 250_000
        assert np.abs(trimesh.proximity.signed_distance(ball(), points[::200])).mean() < 0.03


def test_of_gaussians_that_are_too_many_what_photos_show_least_of_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crowded(MadeOfGaussians):
        """A third of them are a ball of opaque ones, a third is inside it, and the rest is hardly there."""

        def gaussians(self, folder: Path) -> Gaussians:
            rng = np.random.default_rng(2)
            directions = rng.normal(size=(6000, 3))
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            radii, opacities = np.full(6000, 0.6), np.full(6000, 0.95)
            radii[::3], opacities[1::3] = 0.2, 0.005
            whole = some_gaussians(6000)
            return replace(
                whole,
                means=(directions * radii[:, None]).astype(np.float32),
                scales=np.full((6000, 3), 0.03, np.float32),
                opacities=opacities.astype(np.float32),
            )

    monkeypatch.setattr("reconstruction_worker.engines.trained.named", lambda name: Crowded(Makes.GAUSSIANS))
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(12, size=96))
    spec = job(exports=[{"format": "SplatPLY", "maxSplats": 2000}, {"format": "SOG"}])
    after_training(tmp_path, spec, monkeypatch)
    points = corners_of(tmp_path / "artifacts" / "splats.ply")
    assert len(points) == 2000
    assert (np.linalg.norm(points, axis=1) > 0.5).mean() > 0.95
    exports = json.loads((tmp_path / "export" / "exports.json").read_text())["exports"]
    assert [entry["vertices"] for entry in exports] == [2000, 6000]


class WithSurroundings(MadeOfGaussians):
    """A third of its Gaussians are on the ball, a third is inside it, and the rest far behind it."""

    def gaussians(self, folder: Path) -> Gaussians:
        points = bumpy_sphere().vertices[:2000]
        whole = some_gaussians(3 * len(points))
        return replace(whole, means=np.concatenate([points, points / 4, points * 5]).astype(np.float32))


def test_those_at_the_mesh_are_the_object_without_what_is_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconstruction_worker.engines.trained.named", lambda name: WithSurroundings(Makes.GAUSSIANS))
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(12, size=96))
    ball_alone = {"format": "SplatPLY", "splats": "AtMesh"}
    few = {"name": "few", "format": "SplatPLY", "splats": "AtMesh", "maxSplats": 1000}
    after_training(tmp_path, job(exports=[ball_alone, few, {"format": "SOG"}]), monkeypatch)
    count = len(bumpy_sphere().vertices[:2000])
    points = corners_of(tmp_path / "artifacts" / "splats.ply")
    assert len(points) > 0.9 * count  # the mesh is of 1,500 triangles
    assert np.abs(np.linalg.norm(points, axis=1) - 0.8).max() < 0.3  # neither inside nor behind
    fewer = corners_of(tmp_path / "artifacts" / "few.ply")
    assert len(fewer) == 1000 and np.linalg.norm(fewer, axis=1).min() > 0.4
    exports = json.loads((tmp_path / "export" / "exports.json").read_text())["exports"]
    assert [entry.get("splats") for entry in exports] == ["AtMesh", "AtMesh", None]
    assert exports[2]["vertices"] == 3 * count


def test_where_none_is_at_the_mesh_the_export_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(MadeOfGaussians):
        def gaussians(self, folder: Path) -> Gaussians:
            return replace(some_gaussians(), means=np.full((50, 3), 9, np.float32))

    monkeypatch.setattr("reconstruction_worker.engines.trained.named", lambda name: Elsewhere(Makes.GAUSSIANS))
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(12, size=96))
    with pytest.raises(ReconstructionError, match="no Gaussian lies at the surface") as raised:
        after_training(tmp_path, job(exports=[{"format": "SPZ", "splats": "AtMesh"}]), monkeypatch)
    assert raised.value.code == "ExportFailed"


def test_an_engine_whose_result_is_not_what_it_declares_is_faulty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(MadeUp):
        def load(self, folder: Path, workspace: Path, device: str) -> Any:
            return MeshField(bumpy_sphere())

    monkeypatch.setattr("reconstruction_worker.engines.trained.named", lambda name: Wrong(Makes.MESH))
    write_poses(tmp_path, MeshField(bumpy_sphere()), around(4, size=32))
    with pytest.raises(ReconstructionError, match="declares a mesh and gives something else"):
        run(StageName.MESH, mesh, tmp_path, job("GLB"))
