"""nerfstudio's surfaces and an earlier commit's, beside ours: each is judged in the place where it belongs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import trimesh
from bench import recon
from bench.finished import in_frame_of_photos, in_world
from bench.surface import earlier, running
from bench.surface.earlier import AsToday, Figures, judged_mesh, mean
from bench.surface.peer import comparison, environment
from bench.surface.peer.comparison import Peer, in_our_world
from bench.surface.sets import SETS
from bench.worker_quality import peer as nerfstudio
from bench.worker_quality.measuring import Usage
from PIL import Image

from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.ply_file import write_ply
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.geometry.scene import load_scene
from reconstruction_worker.quality.delivered import Shown

USAGE = Usage(seconds=1.0, cpu_seconds=2.0, peak_rss_mib=3.0, cpu_seconds_after_mark=2.0)


def workspace_with(folder: Path, frames: list[dict[str, Any]]) -> Path:
    """Poses, half as large as the photos' own and moved, and which photos were held out."""
    world = np.diag([0.5, 0.5, 0.5, 1.0])
    world[:3, 3] = (1, 2, 3)
    document = {
        **{"fl_x": 60.0, "fl_y": 60.0, "cx": 30.0, "cy": 30.0, "w": 60, "h": 60, "frames": frames},
        "scene": {"kind": "bounded", "near": 0.5, "far": 9.0, "box": [[-1, -1, -1], [1, 1, 1]]},
        "worldFromModel": world.tolist(),
    }
    names = [Path(frame["file_path"]).name for frame in frames]
    for name, content in (("poses/transforms", document), ("train/split", {"train": names[1:], "eval": names[:1]})):
        file = folder / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return folder


def test_the_frame_of_the_photos_and_the_world_are_each_others_way_back(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, [])
    points = np.array([[0.0, 0, 0], [2, 4, 6]])
    assert in_world(points, workspace).tolist() == [[1, 2, 3], [2, 4, 6]]
    assert in_frame_of_photos(in_world(points, workspace), workspace) == pytest.approx(points)


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`bench.surface.peer.exports` without Open3D and PyMeshLab, which only its environment has."""
    scripts = ModuleType("nerfstudio.scripts")
    scripts.exporter = ModuleType("exporter")  # type: ignore[attr-defined]
    scripts.exporter.eval_setup = "theirs"  # type: ignore[attr-defined]
    utilities = ModuleType("nerfstudio.exporter")
    utilities.exporter_utils = ModuleType("exporter_utils")  # type: ignore[attr-defined]
    utilities.exporter_utils.Progress = "theirs"  # type: ignore[attr-defined]
    training = ModuleType("nerfstudio_training")
    training.configuration = training.without_perceptual_metric = None  # type: ignore[attr-defined]
    pipelines = ModuleType("base_pipeline")
    pipelines.Pipeline = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nerfstudio.scripts", scripts)
    monkeypatch.setitem(sys.modules, "nerfstudio.exporter", utilities)
    monkeypatch.setitem(sys.modules, "nerfstudio.pipelines.base_pipeline", pipelines)
    monkeypatch.setitem(sys.modules, "bench.worker_quality.nerfstudio_training", training)
    monkeypatch.delitem(sys.modules, "bench.surface.peer.exports", raising=False)
    from bench.surface.peer import exports as module

    return module


def test_the_box_is_about_the_shape_in_nerfstudios_world_and_the_mesh_comes_back(
    exports: ModuleType, tmp_path: Path
) -> None:
    turned = np.array([[0.0, -1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]])
    world = exports.nerfstudio_from_world(turned, 0.5)
    box = exports.box_about(np.array([[0.0, 0, 0], [4, 2, 0]]), world)
    assert box == pytest.approx(np.array([[-0.5, 0, 0], [0.5, 2, 0]]) + np.array([[-0.1], [0.1]]))
    there = trimesh.creation.box((1, 1, 1))
    there.vertices = there.vertices @ world[:3, :3].T + world[:3, 3]
    there.export(tmp_path / "mesh.ply")
    (tmp_path / "export.json").write_text(
        json.dumps({"worldFromNerfstudio": np.linalg.inv(world).tolist(), "noSurface": None})
    )
    assert np.abs(in_our_world(tmp_path / "mesh.ply", tmp_path / "export.json").vertices) == pytest.approx(0.5)
    (tmp_path / "none.json").write_text(json.dumps({"worldFromNerfstudio": np.eye(4).tolist(), "noSurface": "empty"}))
    assert not len(in_our_world(tmp_path / "mesh.ply", tmp_path / "none.json").faces)


def test_ns_export_gets_the_pipeline_that_was_trained_and_only_then(exports: ModuleType) -> None:
    with exports.instead_of_loading("ours"):
        assert exports.exporter.eval_setup(Path("config.yml"))[1] == "ours"
    assert exports.exporter.eval_setup == "theirs"


def points_taken(exports: ModuleType, found: int, wanted: int = 200_000) -> int:
    """Batches of rays until `ns-export` has the points it wants, with so many of each batch in the box."""
    with exports.limited():
        progress = exports.exporter_utils.Progress(disable=True)
    assert exports.exporter_utils.Progress == "theirs"
    task = progress.add_task("Generating Point Cloud", total=wanted)
    while not progress.finished:
        progress.advance(task, found)
    return progress.batches


def test_taking_points_for_poissons_method_has_an_end(exports: ModuleType) -> None:
    assert points_taken(exports, 4000) == 50
    assert points_taken(exports, 100) == exports.BATCHES
    with pytest.raises(ValueError, match=exports.TOO_FEW):
        points_taken(exports, 1)


def test_each_piece_of_nerfstudios_work_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time of ours, on its photos; what it makes is judged in the frame of the photos."""
    still_life = next(each for each in SETS if each.name == "still-life")
    frames = [{"file_path": f"poses/images/{name}.png", "transform_matrix": np.eye(4).tolist()} for name in "abc"]
    workspace, done = workspace_with(tmp_path / "workspace", frames), list[str]()
    (workspace / "train" / "history.jsonl").write_text('{"seconds": 3.0}\n{"seconds": 110.0}\n')
    row, known = {"seconds": 220.0, "cpu_seconds": 260.0}, still_life.known
    assert known is not None
    truth = known()

    def train(asked: dict[str, Any]) -> Usage:
        done.append("train")
        assert (asked["seconds"], asked["cpuSeconds"]) == (110, 130)
        result = {"seconds": 120.0, "cpuSeconds": 200.0, "steps": 300, "views": []}
        (Path(asked["out"]) / "result.json").write_text(json.dumps(result))
        return USAGE

    def export(command: list[Any], log: Path, _threads: int) -> Usage:
        asked = json.loads(Path(command[-1]).read_text())
        done.append(asked["method"])
        shape = np.load(asked["shape"])
        trimesh.Trimesh(shape, truth.faces, process=False).export(log.parent / f"{asked['method']}_mesh.ply")
        (log.parent / f"export-{asked['method']}.json").write_text(
            json.dumps({"worldFromNerfstudio": np.eye(4).tolist(), "noSurface": None})
        )
        return USAGE

    monkeypatch.setattr(nerfstudio, "train", train)
    monkeypatch.setattr(comparison, "run", export)
    monkeypatch.setattr(comparison, "python", lambda: "python")
    monkeypatch.setattr(comparison, "WORK", tmp_path)
    rows = Peer(still_life, workspace, row, finished=False).rows()
    assert done == ["train", "tsdf", "poisson"]
    assert [row.method for row in rows] == ["ns-export tsdf", "ns-export poisson"]
    assert rows[0].known.f_at_1_percent > 0.98 and rows[0].steps == 300
    assert Peer(still_life, workspace, row, finished=True).rows() == rows
    assert done == ["train", "tsdf", "poisson"]


def test_what_exporters_need_is_locked_beside_what_this_project_has() -> None:
    names = {line.split("==")[0] for line in environment.LOCK.read_text().splitlines() if "==" in line}
    assert {"open3d-cpu", "pymeshlab"} <= names
    assert not names & {"torch", "numpy", "nerfstudio", "scipy", "trimesh"}


def test_an_earlier_commit_runs_with_its_own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recon, "run", lambda command, log, threads, mark: command)
    workspace, command = running.reconstruct(
        running.job("dino", tmp_path, 120, 640), tmp_path / "run", tmp_path / "old"
    )
    code = str(command[1]).removeprefix("PYTHONPATH=").split(":")  # type: ignore[index]
    assert {str(tmp_path / "old" / name) for name in ("crds", "worker", "cli")} <= set(code)
    assert workspace == tmp_path / "run" / "result" / "workspace"
    assert "engine" not in (tmp_path / "run" / "job.yaml").read_text()


def test_an_earlier_mesh_is_judged_by_photos_that_its_colours_were_made_without(tmp_path: Path) -> None:
    """A wall that photos show red from one side and the judged one green: the colours come from the others."""
    frames = []
    for name, colour, x in (("a", (0, 200, 0), 0.0), ("b", (200, 0, 0), -0.1), ("c", (200, 0, 0), 0.1)):
        image = tmp_path / "poses" / "images" / f"{name}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 60), colour).save(image)
        pose = np.eye(4)
        pose[:3, 3] = (x, 0, 2)
        frames.append({"file_path": f"poses/images/{name}.png", "transform_matrix": pose.tolist()})
    workspace = workspace_with(tmp_path, frames)
    (workspace / "mesh").mkdir()
    wall = trimesh.creation.box((1.2, 1.2, 0.2)).subdivide().subdivide()
    write_ply(workspace / "mesh" / "mesh.ply", Mesh(np.asarray(wall.vertices), np.asarray(wall.faces, np.int32)))
    views = load_scene(workspace).views
    (shown,) = judged_mesh(workspace, [views[0]], list(views[1:]), 128)
    assert shown.psnr < 6
    (same,) = judged_mesh(workspace, [views[1]], [views[2]], 128)
    assert same.psnr > 30 and 0.2 < same.coverage < 0.6


def test_of_an_earlier_photo_is_wanted_what_todays_masks_leave(tmp_path: Path) -> None:
    Image.new("RGB", (4, 2), (10, 20, 30)).save(tmp_path / "before.png")
    mask = np.zeros((2, 4, 4), np.uint8)
    mask[:, :2, 3] = 255
    Image.fromarray(mask).save(tmp_path / "today.png")
    camera = Camera(np.eye(4), 1.0, 1.0, 2.0, 1.0, 4, 2)
    photo = AsToday("before.png", camera, tmp_path / "before.png", today=tmp_path / "today.png").photo()
    assert (photo[..., :3] == (10, 20, 30)).all()
    assert (photo[..., 3] == mask[..., 3]).all()


def test_means_are_over_photos() -> None:
    found = mean([Shown("a", 0.5, 20.0, 0.8), Shown("b", 0.7, 24.0, 0.6)])
    assert found == Figures(coverage=0.6, psnr=22.0, ssim=0.7)


def test_the_files_of_a_commit_are_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier, "CHECKOUTS", tmp_path)
    folder = earlier.checkout("HEAD")
    assert (folder / "bench" / "surface" / "nearness.py").exists()
    (folder / "mark").touch()
    assert earlier.checkout("HEAD") == folder and (folder / "mark").exists()
