"""The adapter around nvdiffrec, with a stub in its place: what goes in, what comes out, and what goes wrong. The
program itself was not run here: it needs a GPU, and its source is not ours to keep."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reconstruction_nvdiffrec import ENGINE, SPEC
from reconstruction_nvdiffrec.frames import THEIRS_FROM_WORLD, to_theirs, to_world
from reconstruction_nvdiffrec.input_folder import CommonLens, write_input
from reconstruction_nvdiffrec.mesh_files import read_mesh, write_base

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_worker.engines import licences
from reconstruction_worker.engines.engine_document import EngineDocument
from reconstruction_worker.engines.foreign.outcome import failure_of
from reconstruction_worker.engines.foreign.program import ENV_UPSTREAM
from reconstruction_worker.engines.result_files import write_surface
from reconstruction_worker.engines.training.posed_photos import read_scene
from reconstruction_worker.files import write_document
from reconstruction_worker.geometry.atlas import unwrap
from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
from reconstruction_worker.geometry.mesh import Mesh, vertex_normals
from reconstruction_worker.records import StageRecord, write_record
from reconstruction_worker.side_by_side.workspaces import trained_beside
from reconstruction_worker.stage import StageContext, Stopped

from ..worker.engines.test_depth_fusion import SIX, distance_to_ball, six_views
from ..worker.engines.tiny_scene import context
from ..worker.geometry.scenes import bumpy_sphere

STUB = Path(__file__).with_name("stub_of_nvdiffrec.py")


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the program, which is the stub; the device is taken for granted."""
    folder = tmp_path / "upstream" / "nvdiffrec"
    (folder / "data").mkdir(parents=True)
    shutil.copyfile(STUB, folder / "train.py")
    monkeypatch.setenv(ENV_UPSTREAM, str(folder.parent))
    monkeypatch.setattr("reconstruction_worker.engines.training.device.choose_device", lambda *_: "cuda")
    return folder


def fitted(tmp_path: Path, *, depth: bool = True, bounded: bool = True, stop: Any = None) -> StageContext:
    workspace = tmp_path / "workspace"
    six_views(workspace, bounded=bounded)
    if not depth:
        path = workspace / "poses" / "transforms.json"
        document = json.loads(path.read_text())
        for frame in document["frames"]:
            del frame["depth_file_path"]
        path.write_text(json.dumps(document))
    wanted = context(workspace, training={"steps": 40})
    wanted = replace(wanted, stop_requested=stop) if stop is not None else wanted
    ENGINE.fit(wanted)
    return wanted


def test_fused_depth_is_where_it_begins_and_its_mesh_is_what_comes_out(tmp_path: Path, upstream: Path) -> None:
    wanted = fitted(tmp_path)
    made = ENGINE.load(wanted.folder, wanted.workspace, "cpu")
    assert np.median(distance_to_ball(made.mesh.vertices)) < 0.005, "the base mesh, there and back"
    assert made.colours.tolist()[0] == [200, 60, 40]
    document = EngineDocument.read(wanted.folder / "engine.json")
    assert (document.engine, document.licence) == ("nvdiffrec", "LicenseRef-NVIDIA-nvdiffrec")
    assert document.settings["baseMesh"] is True and document.settings["steps"] == 40


@pytest.mark.parametrize(("agreement", "begins_there"), [(0.93, True), (0.8, False)])
def test_it_goes_on_from_the_mesh_of_reconviagen_where_that_fits_the_photos(
    tmp_path: Path, upstream: Path, agreement: float, begins_there: bool
) -> None:
    workspace = tmp_path / "engines" / "nvdiffrec"
    six_views(workspace)
    before = workspace.with_name("reconviagen")
    (before / "train").mkdir(parents=True)
    larger = Mesh(1.1 * bumpy_sphere().vertices, bumpy_sphere().faces)
    write_surface(before / "train", ColouredMesh(larger, np.full((len(larger.vertices), 3), 90, np.uint8)))
    write_document(
        before / "train" / "engine.json", EngineDocument(engine="reconviagen", settings={"silhouettes": agreement})
    )
    assert trained_beside(workspace, "reconviagen") is None, "it has not finished"
    (before / "stages").mkdir()
    write_record(before, StageRecord(stage=StageName.TRAIN, key="k", digest="d", code_version=1))
    wanted = context(workspace, training={"steps": 10})
    said = ENGINE.fit(wanted).message
    size = np.ptp(ENGINE.load(wanted.folder, workspace, "cpu").mesh.bounds(), axis=0).max()
    true = np.ptp(bumpy_sphere().bounds(), axis=0).max()
    assert size == pytest.approx((1.1 if begins_there else 1.0) * true, rel=0.02)
    expected = "begun at the mesh of reconviagen" if begins_there else "begun at the fused depth maps"
    assert expected in said and f"are those of the masks by {agreement:.0%}" in said


def test_without_depth_maps_it_begins_at_its_own_grid(tmp_path: Path, upstream: Path) -> None:
    wanted = fitted(tmp_path, depth=False)
    job = json.loads((wanted.folder / "nvdiffrec" / "job.json").read_text())
    assert "base_mesh" not in job and job["iter"] == 40
    assert len(ENGINE.load(wanted.folder, wanted.workspace, "cpu").mesh.faces) == 1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("nan", "TrainingDiverged"),
        ("empty", "EmptyMesh"),
        ("RuntimeError: CUDA out of memory. Tried to allocate 2 GiB", "GPUOutOfMemory"),
        ("OSError: [Errno 28] No space left on device", "DiskFull"),
        ("ModuleNotFoundError: No module named 'tinycudann'", "EngineUnavailable"),
        ("eglInitialize() failed", "GPUUnavailable"),
        ("something else", "InternalError"),
    ],
)
def test_what_goes_wrong_with_the_program_has_a_code(tmp_path: Path, upstream: Path, wrong: str, code: str) -> None:
    (upstream / "wrong").write_text(wrong)
    with pytest.raises(ReconstructionError) as failure:
        fitted(tmp_path, depth=False)
    assert failure.value.code == code and "nvdiffrec" in failure.value.message


def test_a_program_that_the_system_killed_was_out_of_memory() -> None:
    assert failure_of("nvdiffrec", -9, ["iter= 10"]).code == "HostOutOfMemory"


def test_a_stop_ends_the_program_between_two_of_its_lines(tmp_path: Path, upstream: Path) -> None:
    (upstream / "wrong").write_text("slow")
    asked = iter([False] * 3 + [True] * 1000)
    with pytest.raises(Stopped):
        fitted(tmp_path, depth=False, stop=lambda: next(asked))
    assert not (tmp_path / "workspace" / "train" / "engine.json").exists()


def test_an_image_without_the_program_says_which_to_build(tmp_path: Path, upstream: Path) -> None:
    (upstream / "train.py").unlink()
    with pytest.raises(ReconstructionError, match=r"needs train\.py in .*, which this image does not have") as failure:
        fitted(tmp_path)
    assert failure.value.code == "EngineUnavailable" and "adapters/nvdiffrec" in failure.value.suggestion


def test_the_device_is_checked_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[EngineSpec] = []

    def refuse(_: Any, spec: EngineSpec) -> None:
        asked.append(spec)
        raise ReconstructionError("GPUUnavailable", "The engine nvdiffrec needs 12.0 GiB of GPU memory.")

    monkeypatch.setattr("reconstruction_worker.engines.training.device.choose_device", refuse)
    with pytest.raises(ReconstructionError):
        ENGINE.fit(context(tmp_path))
    assert asked == [SPEC] and SPEC.min_vram_bytes == 12 * 2**30 and not list(tmp_path.iterdir())


def test_photos_without_masks_are_refused(tmp_path: Path, upstream: Path) -> None:
    with pytest.raises(ReconstructionError, match="needs photos of one object with masks") as failure:
        fitted(tmp_path, bounded=False)
    assert failure.value.code == "InvalidSpec"


def test_nobody_uses_it_whose_profile_has_not_accepted_its_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "available", lambda: {"nvdiffrec": None})
    monkeypatch.setattr(licences, "engine_spec", lambda _: SPEC)
    with pytest.raises(ReconstructionError, match="LicenseRef-NVIDIA-nvdiffrec") as failure:
        licences.check_licence("nvdiffrec", ["Apache-2.0", "MIT"])
    assert failure.value.code == "LicenseNotAccepted"
    licences.check_licence("nvdiffrec", ["LicenseRef-NVIDIA-nvdiffrec"])


def test_meshes_go_there_and_come_back(tmp_path: Path) -> None:
    ball = bumpy_sphere()
    atlas = unwrap(ball, 256)
    path = write_base(tmp_path, atlas, np.full((len(ball.vertices), 3), 90, np.uint8), 64)
    found = read_mesh(path)
    assert np.allclose(found.mesh.vertices, atlas.mesh.vertices, atol=1e-5)
    assert np.array_equal(found.mesh.faces, atlas.mesh.faces)
    assert (found.colours == 90).all()
    outward = (vertex_normals(found.mesh) * found.mesh.vertices).sum(axis=1)
    assert (outward > 0).mean() > 0.99, "the way round of the faces is kept"


def test_their_world_is_ours_with_y_up() -> None:
    assert np.allclose(to_theirs(np.array([0.0, 0.0, 1.0])), [0, 1, 0])
    assert np.linalg.det(THEIRS_FROM_WORLD) == pytest.approx(1)
    points = np.random.default_rng(0).random((5, 3))
    assert np.allclose(to_world(to_theirs(points)), points)


def test_the_data_set_shows_what_the_photos_show_through_one_lens(tmp_path: Path) -> None:
    six_views(tmp_path / "workspace")
    photos = read_scene(tmp_path / "workspace").photos
    camera = photos[1].camera
    off_centre = replace(photos[1], camera=replace(camera, cx=camera.cx + 8, cy=camera.cy - 4))
    lens = write_input(tmp_path / "out", [photos[0], off_centre], [])
    document = json.loads((tmp_path / "out" / "transforms_train.json").read_text())
    assert document["camera_angle_x"] == pytest.approx(2 * math.atan(camera.width / (2 * camera.fx)), rel=1e-3)
    assert [frame["file_path"] for frame in document["frames"]] == ["./train/0000", "./train/0001"]
    assert np.allclose(document["frames"][0]["transform_matrix"], photos[0].camera.camera_to_world)
    assert len(json.loads((tmp_path / "out" / "transforms_test.json").read_text())["frames"]) == 1
    with Image.open(tmp_path / "out" / "train" / "0001.png") as picture:
        shown = np.asarray(picture)
    assert shown.shape == (lens.height, lens.width, 4)
    original = photos[1].pixels()
    row, column = 60, 70
    assert np.abs(shown[row + 4, column - 8].astype(int) - original[row, column]).max() <= 2
    assert isinstance(lens, CommonLens) and len(SIX) == len(photos)
