"""The adapter around ReconViaGen, with a stub in its place that gives a planted mesh and Gaussians: what goes in, where
what comes out is put, and what goes wrong. The networks themselves: docs/engines.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from reconstruction_reconviagen import ENGINE, SPEC, WEIGHTS, fitting, network_program, pack
from reconstruction_reconviagen.made import read_made
from reconstruction_reconviagen.pictures import SIDE, picture_of
from safetensors.torch import save_file
from scipy.spatial.transform import Rotation

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_WEIGHTS
from reconstruction_worker.engines import licences, registry, trained
from reconstruction_worker.engines.engine_document import EngineDocument
from reconstruction_worker.engines.foreign.program import ENV_UPSTREAM
from reconstruction_worker.engines.training.cuda import Graphics
from reconstruction_worker.geometry import silhouette_fit
from reconstruction_worker.geometry.gaussians import Gaussians
from reconstruction_worker.geometry.harmonics import CONSTANT
from reconstruction_worker.geometry.silhouette_fit import SilhouetteFit
from reconstruction_worker.geometry.similarity import Similarity
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original
from reconstruction_worker.poses.output import UNPOSED, Pictures, write_transforms
from reconstruction_worker.stage import StageContext, Stopped
from reconstruction_worker.weights.adding import add
from reconstruction_worker.weights.known import of_engine

from ..worker.engines.test_depth_fusion import distance_to_ball, six_views
from ..worker.engines.tiny_scene import context
from ..worker.geometry.scenes import MeshField, bumpy_sphere, look_at, paint

STUB = Path(__file__).with_name("stub_of_reconviagen.py")
TRUE = Similarity(1.7, Rotation.from_euler("xyz", [4, -3, 97], degrees=True).as_matrix(), np.array([0.05, -0.02, 0.04]))
"""From the networks' cube to where the photos show the ball."""
MODULES = {
    "trellis/__init__.py": "",
    "trellis/models/__init__.py": "from trellis.pipelines.trellis_image_to_3d import Network",
    "trellis/pipelines/__init__.py": "from .trellis_image_to_3d import TrellisVGGTTo3DPipeline",
    "trellis/pipelines/base.py": "from .trellis_image_to_3d import Pipeline",
    "trellis/pipelines/samplers.py": "from .trellis_image_to_3d import FlowEulerGuidanceIntervalSampler",
    "wheels/vggt/vggt/models/aggregator.py": "from trellis.pipelines.trellis_image_to_3d import Aggregator",
    "dinov2/hubconf.py": "from trellis.pipelines.trellis_image_to_3d import dinov2_vitl14_reg\ndependencies = []",
}
"""Upstream's, and what each has of the stub."""


def published(folder: Path) -> list[str]:
    """The three published files, with networks of one number."""
    sampler = {"name": "FlowEulerGuidanceIntervalSampler", "args": {"sigma_min": 1e-5}, "params": {"steps": 25}}
    arguments = {
        "models": {part: f"ckpts/{part}" for part in (*pack.TRELLIS_PARTS, "slat_decoder_rf")},
        "sparse_structure_sampler": sampler,
        "slat_sampler": sampler,
        "slat_normalization": {"mean": [0.0], "std": [1.0]},
        "image_cond_model": "dinov2_vitl14_reg",
    }
    (folder / "trellis" / "ckpts").mkdir(parents=True)
    (folder / "trellis" / "pipeline.json").write_text(json.dumps({"name": "T", "args": arguments}))
    weight = {"weight": torch.full((1,), 3.0)}
    for part in pack.TRELLIS_PARTS:
        (folder / "trellis" / "ckpts" / f"{part}.json").write_text(json.dumps({"name": "Network", "args": {"size": 1}}))
        save_file(weight, folder / "trellis" / "ckpts" / f"{part}.safetensors")
    save_file({"aggregator.weight": torch.full((1,), 3.0), "track_head.x": torch.ones(9)}, folder / "vggt.safetensors")
    torch.save(weight, folder / "dinov2.pth")
    return [str(folder / name) for name in ("trellis", "vggt.safetensors", "dinov2.pth")]


def planted(tmp_path: Path, patch: pytest.MonkeyPatch) -> Path:
    """Folder of the program, which is the stub; weights are there, and the device is taken for granted."""
    folder = tmp_path / "upstream" / "reconviagen"
    for name, text in {**MODULES, fitting.PROGRAM.entry: STUB.read_text()}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    ball = bumpy_sphere()
    back = np.linalg.inv(TRUE.matrix)
    colours = (paint(ball.vertices) - 0.5) / CONSTANT
    np.savez(
        folder / "truth.npz",
        vertices=(ball.vertices @ back[:3, :3].T + back[:3, 3]).astype(np.float32),
        faces=ball.faces[:, ::-1].astype(np.int64),  # inside out
        means=(ball.vertices @ back[:3, :3].T + back[:3, 3]).astype(np.float32),
        scales=np.full((len(ball.vertices), 3), 0.013 / TRUE.scale, np.float32),
        rotations=np.tile(np.array([1, 0, 0, 0], np.float32), (len(ball.vertices), 1)),
        opacities=np.where(np.arange(len(ball.vertices)) % 10, 0.95, 0.001).astype(np.float32),
        harmonics=colours[:, None].astype(np.float32),
    )
    patch.setenv(ENV_UPSTREAM, str(folder.parent))
    patch.setenv(ENV_WEIGHTS, str(tmp_path / "weights"))
    patch.setattr("reconstruction_worker.engines.training.device.choose_device", lambda *_: torch.device("cpu"))
    assert pack.main([*published(tmp_path / "published"), str(tmp_path / "packed.safetensors")]) == 0
    (tmp_path / "weights").mkdir()
    add(of_engine(SPEC, WEIGHTS), tmp_path / "packed.safetensors", tmp_path / "weights", [WEIGHTS.licence])
    return folder


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return planted(tmp_path, monkeypatch)


def fitted(workspace: Path, stop: Callable[[], bool] | None = None, **spec: Any) -> tuple[StageContext, str]:
    wanted = context(workspace, engine="reconviagen", training={"seed": 7}, **spec)
    wanted = replace(wanted, stop_requested=stop) if stop is not None else wanted
    return wanted, ENGINE.fit(wanted).message


@pytest.fixture(scope="module")
def posed(tmp_path_factory: pytest.TempPathFactory) -> tuple[StageContext, str, Path]:
    """What six views with depth maps became; the message, and the program's folder."""
    tmp_path = tmp_path_factory.mktemp("posed")
    with pytest.MonkeyPatch.context() as patch:
        folder = planted(tmp_path, patch)
        six_views(tmp_path / "workspace")
        wanted, said = fitted(tmp_path / "workspace")
    return wanted, said, folder


def test_its_mesh_lies_where_the_photos_show_the_object_in_the_gaussians_colours(
    posed: tuple[StageContext, str, Path],
) -> None:
    wanted, said, _ = posed
    made = ENGINE.load(wanted.folder, wanted.workspace, "cpu")
    assert np.median(distance_to_ball(made.mesh.vertices)) < 0.004
    assert np.abs(made.colours / 255 - paint(made.mesh.vertices)).mean() < 0.05, "turned the right way, too"
    a, b, c = (made.mesh.vertices[made.mesh.faces[:, corner]] for corner in range(3))
    assert (np.cross(b - a, c - a) * a).sum() > 0, "faces are outward"
    document = EngineDocument.read(wanted.folder / "engine.json")
    assert (document.engine, document.licence) == ("reconviagen", SPEC.licence)
    assert document.settings["silhouettes"] > 0.97 and "its silhouettes are those of the masks by" in said
    assert not (wanted.folder / "reconviagen").exists(), "what it works with takes much room"


def test_its_gaussians_lie_there_too_without_those_that_show_nothing(posed: tuple[StageContext, str, Path]) -> None:
    found = ENGINE.gaussians(posed[0].folder)
    assert len(found) == 9217 and found.antialiased
    assert np.median(distance_to_ball(found.means.astype(np.float64))) < 0.004
    assert np.allclose(found.scales, 0.013, rtol=0.02)
    turn = Rotation.from_quat(np.roll(found.rotations[0], -1)) * Rotation.from_matrix(TRUE.rotation).inv()
    assert np.degrees(turn.magnitude()) < 1.5


def test_the_pipeline_is_asked_as_upstream_asks_it(posed: tuple[StageContext, str, Path]) -> None:
    asked = json.loads((posed[2] / "asked.json").read_text())
    assert (asked["pictures"], asked["seed"], asked["preprocess_image"]) == (6, 7, False)
    assert asked["formats"] == ["gaussian", "mesh"] and asked["mode"] == "multidiffusion"
    assert asked["slat_sampler_params"]["steps"] == 12 and asked["sparse_structure_sampler_params"]["rescale_t"] == 5
    assert asked["params"] == {"steps": 25} and len(asked["parts"]) == 8 and "slat_decoder_rf" not in asked["parts"]


def unposed(workspace: Path, *, masks: bool = True) -> None:
    """Three photos as ingest leaves them, where no poses are wanted."""
    (workspace / "ingest" / "images").mkdir(parents=True)
    (workspace / "poses").mkdir()
    images = []
    for index in range(3):
        seen = MeshField(bumpy_sphere()).render(look_at(np.array([np.sin(index), -np.cos(index), 0.3]) * 2.2, size=96))
        rgba = np.dstack([seen.rgb, seen.alpha]) if masks else seen.rgb
        file = f"ingest/images/{index}.png"
        Image.fromarray((rgba * 255).astype(np.uint8)).save(workspace / file)
        original = Original(name=f"side{index}.png", width=96, height=96, sha256="0" * 64)
        images.append(
            DatasetImage(name=f"{index}.png", file=file, width=96, height=96, has_alpha=masks, original=original)
        )
    (workspace / "ingest" / "dataset.json").write_text(Dataset(images=images).model_dump_json(by_alias=True))
    write_transforms(workspace / "poses", UNPOSED, Pictures(), {}, {}, can_hold_out=False)


def test_without_poses_it_stays_in_its_own_pose_and_fills_the_scene(
    tmp_path: Path, upstream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unposed(tmp_path / "workspace")
    wanted, said = fitted(tmp_path / "workspace", poses={"method": "None"})
    with np.load(upstream / "truth.npz") as truth:
        assert np.allclose(ENGINE.gaussians(wanted.folder).means[0], 2 * truth["means"][1])
    assert "from 3 photos, in its own pose" in said
    monkeypatch.setattr(
        registry,
        "available",
        lambda: {"reconviagen": EntryPoint("reconviagen", "reconstruction_reconviagen:ENGINE", "")},
    )
    field, fine = trained.coloured_field(wanted)
    seen = field.render(look_at(np.array([0, -4.5, 0.0]), size=64))
    assert fine and seen.alpha[32, 32] > 0.9, "the texture has the Gaussians' colours"


def test_photos_without_masks_are_named_before_anything_is_loaded(tmp_path: Path, upstream: Path) -> None:
    unposed(tmp_path / "workspace", masks=False)
    with pytest.raises(ReconstructionError, match=r"side0\.png, side1\.png, side2\.png are without one") as failure:
        fitted(tmp_path / "workspace", poses={"method": "None"})
    assert failure.value.code == "InvalidSpec" and not (upstream / "asked.json").exists()


def test_too_few_placed_photos_are_refused(tmp_path: Path, upstream: Path) -> None:
    six_views(tmp_path / "workspace")
    path = tmp_path / "workspace" / "poses" / "transforms.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"frames": document["frames"][:1]}))
    with pytest.raises(ReconstructionError, match="takes 2 to 16 photos; 1 are there") as failure:
        fitted(tmp_path / "workspace")
    assert failure.value.code == "ImageCountOutOfRange" and "spec.poses.method to None" in failure.value.suggestion


def program(patch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """Another one in the place of that which runs the networks."""
    (tmp_path / "other.py").write_text(text)
    patch.setattr(fitting, "PROGRAM", replace(fitting.PROGRAM, script=tmp_path / "other.py"))


@pytest.mark.parametrize(
    ("last", "code"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "GPUOutOfMemory"),
        ("RuntimeError: Error(s) in loading state_dict for slat_flow_model: x is missing", "WeightsUnavailable"),
        ("ModuleNotFoundError: No module named 'spconv'", "EngineUnavailable"),
        ("RuntimeError: No CUDA GPUs are available", "GPUUnavailable"),
        ("RuntimeError: rembg is not there: it was not expected to be used", "InternalError"),
    ],
)
def test_what_goes_wrong_has_a_code(
    tmp_path: Path, upstream: Path, monkeypatch: pytest.MonkeyPatch, last: str, code: str
) -> None:
    unposed(tmp_path / "workspace")
    program(monkeypatch, tmp_path, f"import sys\nprint('reading vggt')\nsys.exit({last!r})")
    with pytest.raises(ReconstructionError, match="reconviagen") as failure:
        fitted(tmp_path / "workspace", poses={"method": "None"})
    assert failure.value.code == code and not (tmp_path / "workspace" / "train" / "engine.json").exists()


def test_a_stop_ends_it_between_two_steps(tmp_path: Path, upstream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unposed(tmp_path / "workspace")
    bar = "\\rSampling:   3%%|#  | 1/30 [00:00]"
    lines = f"import time\nfor step in range(1, 31):\n    print('{bar}structure=%d of=30' % step)\n    time.sleep(0.3)"
    program(monkeypatch, tmp_path, lines)
    reported: list[str] = []
    monkeypatch.setattr(StageContext, "report_progress", lambda _, __, message: reported.append(message))
    with pytest.raises(Stopped):
        fitted(
            tmp_path / "workspace",
            lambda: any("structure, step 2 of 30" in each for each in reported),
            poses={"method": "None"},
        )
    assert not any("step 12 of 30" in each for each in reported)
    assert not (tmp_path / "workspace" / "train" / "engine.json").exists()


def test_a_shape_that_no_photo_shows_is_said_to_be_one(
    tmp_path: Path, upstream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = np.ones((1, 3), np.float32)
    made = fitting.Made(bumpy_sphere(), Gaussians(one, one, np.ones((1, 4), np.float32), one[:, 0], one[:, None]))
    monkeypatch.setattr(fitting, "_run", lambda *_: None)
    monkeypatch.setattr(fitting, "read_made", lambda _: made)
    monkeypatch.setattr(fitting, "_measured", lambda _: np.zeros((0, 3)))
    monkeypatch.setattr(silhouette_fit, "fit_to_silhouettes", lambda *_: SilhouetteFit(Similarity(), 0.61))
    six_views(tmp_path / "workspace")
    with pytest.raises(ReconstructionError, match="by 61% at most") as failure:
        fitted(tmp_path / "workspace")
    assert failure.value.code == "PoseEstimationFailed" and "poses.method to None" in failure.value.suggestion


ARRAYS: dict[str, NDArray[Any]] = {
    "vertices": np.eye(3, dtype=np.float32),
    "faces": np.array([[0, 1, 2]]),
    "means": np.zeros((2, 3), np.float32),
    "scales": np.ones((2, 3), np.float32),
    "rotations": np.ones((2, 4), np.float32),
    "opacities": np.ones(2, np.float32),
    "harmonics": np.zeros((2, 1, 3), np.float32),
}


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ({"means": np.full((2, 3), np.nan, np.float32)}, "TrainingDiverged", "NaN or infinite"),
        ({"vertices": np.full((3, 3), np.inf, np.float32)}, "TrainingDiverged", "NaN or infinite"),
        ({"faces": np.zeros((0, 3), np.int64)}, "EmptyMesh", "made a mesh without anything"),
        ({"opacities": np.zeros(2, np.float32)}, "EmptyMesh", "made Gaussians without anything"),
        ({"faces": np.array([[0, 1, 3]])}, "EngineUnavailable", "corners that it does not have"),
        ({"rotations": np.ones((2, 3), np.float32)}, "EngineUnavailable", "can't be read"),
    ],
)
def test_a_result_that_is_none_is_not_taken_for_one(tmp_path: Path, wrong: Any, code: str, said: str) -> None:
    np.savez(tmp_path / "result.npz", **(ARRAYS | wrong))
    with pytest.raises(ReconstructionError, match=said) as failure:
        read_made(tmp_path / "result.npz")
    assert failure.value.code == code


def test_weights_that_are_not_there_are_named(tmp_path: Path, upstream: Path) -> None:
    (tmp_path / "weights" / WEIGHTS.file).unlink()
    with pytest.raises(ReconstructionError, match=r"reads reconviagen/reconviagen_v0\.2\.safetensors") as failure:
        fitted(tmp_path / "workspace")
    assert failure.value.code == "WeightsUnavailable" and "reconstruction_reconviagen.pack" in failure.value.suggestion
    assert not (tmp_path / "workspace").exists()


def test_weights_of_other_networks_are_refused_where_they_are_read(tmp_path: Path) -> None:
    said = {"pipeline": "{}", "models": "{}"}
    save_file({"one.weight": torch.ones(2), "two.other": torch.ones(1)}, tmp_path / "a.safetensors", metadata=said)
    parts = network_program.Parts(str(tmp_path / "a.safetensors"))
    assert parts.fill("one", torch.nn.PReLU(2)).weight.sum() == 2
    with pytest.raises(RuntimeError, match=r"Error\(s\) in loading state_dict for two: weight is missing"):
        parts.fill("two", torch.nn.PReLU(1))
    with pytest.raises(RuntimeError, match=r"Error\(s\) in loading state_dict"):
        parts.fill("one", torch.nn.PReLU(1))
    save_file({"one.weight": torch.ones(2)}, tmp_path / "b.safetensors")
    with pytest.raises(RuntimeError, match="how its networks are set up"):
        network_program.Parts(str(tmp_path / "b.safetensors"))


def test_incomplete_weights_are_not_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = published(tmp_path)
    (tmp_path / "trellis" / "ckpts" / "slat_flow_model.safetensors").unlink()
    assert pack.main([*given, str(tmp_path / "out.safetensors")]) == 1
    assert "can't be packed" in capsys.readouterr().err and not (tmp_path / "out.safetensors").exists()
    assert pack.main([]) == 2


def test_libraries_that_are_not_needed_can_be_imported_and_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pymeshfix", "nvdiffrast", "nvdiffrast.torch"):
        monkeypatch.setitem(sys.modules, name, network_program.Unneeded(name))
    scope: dict[str, Any] = {}
    exec("from pymeshfix import _meshfix\nimport nvdiffrast.torch as dr", scope)
    with pytest.raises(RuntimeError, match="not expected to be used"):
        scope["_meshfix"].PyTMesh()
    with pytest.raises(RuntimeError, match="not expected to be used"):
        scope["dr"].RasterizeCudaContext()


def test_the_device_is_checked_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[EngineSpec] = []

    def refuse(_: Any, spec: EngineSpec) -> None:
        asked.append(spec)
        raise ReconstructionError("GPUUnavailable", "The engine reconviagen needs 12.0 GiB of GPU memory.")

    monkeypatch.setattr("reconstruction_worker.engines.training.device.choose_device", refuse)
    with pytest.raises(ReconstructionError):
        ENGINE.fit(context(tmp_path))
    assert asked == [SPEC] and SPEC.min_vram_bytes == 12 * 2**30 and not list(tmp_path.iterdir())
    assert (SPEC.min_images, SPEC.max_images, SPEC.needs_gpu, SPEC.needs_poses) == (2, 16, True, False)


@pytest.mark.parametrize(
    ("graphics", "said"),
    [
        (Graphics(None, "A", (8, 6), 11 * 2**30, 24 * 2**30), r"needs 12\.0 GiB of GPU memory; 11\.0 GiB of 24\.0 GiB"),
        (Graphics(None, "B", (6, 1), 20 * 2**30, 24 * 2**30), r"compute capability 7\.0; B has 6\.1"),
        (Graphics("the image's PyTorch is built for CPUs only."), "built for CPUs only"),
    ],
)
def test_a_gpu_that_will_not_do_is_refused_with_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graphics: Graphics, said: str
) -> None:
    monkeypatch.setattr("reconstruction_worker.engines.training.device.found_graphics", lambda: graphics)
    with pytest.raises(ReconstructionError, match=said) as failure:
        ENGINE.fit(context(tmp_path, engine="reconviagen"))
    assert failure.value.code == "GPUUnavailable" and not list(tmp_path.iterdir())


def test_an_image_without_the_program_says_which_to_build(tmp_path: Path, upstream: Path) -> None:
    (upstream / fitting.PROGRAM.entry).unlink()
    with pytest.raises(ReconstructionError, match=r"needs trellis/pipelines/trellis_image_to_3d\.py") as failure:
        fitted(tmp_path / "workspace")
    assert failure.value.code == "EngineUnavailable" and "adapters/reconviagen" in failure.value.suggestion


def test_nobody_uses_it_whose_profile_has_not_accepted_its_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "available", lambda: {"reconviagen": None})
    monkeypatch.setattr(licences, "engine_spec", lambda _: SPEC)
    with pytest.raises(ReconstructionError, match="LicenseRef-ReconViaGen-NonCommercial") as failure:
        licences.check_licence("reconviagen", ["Apache-2.0", "MIT"])
    assert failure.value.code == "LicenseNotAccepted"
    licences.check_licence("reconviagen", ["LicenseRef-ReconViaGen-NonCommercial"])


def test_the_object_is_shown_in_the_middle_of_a_black_square() -> None:
    photo = np.full((200, 300, 4), 255, np.uint8)
    photo[..., 3] = 100
    photo[50:150, 250:300, 3] = 255  # at the photo's edge
    photo[50:150, 250:300, :3] = (10, 200, 30)
    found = picture_of(photo)
    assert found is not None and found.shape == (SIDE, SIDE, 3)
    rows, columns = np.nonzero(found[..., 1] > 150)
    assert (
        abs((rows.min() + rows.max() + 1) / 2 - SIDE / 2) < 3
        and abs((columns.min() + columns.max() + 1) / 2 - SIDE / 2) < 3
    )
    assert np.ptp(rows) + 1 == pytest.approx(SIDE / 1.1, abs=4) and np.ptp(columns) + 1 == pytest.approx(
        SIDE / 2.2, abs=4
    )
    beside = np.delete(found, np.s_[columns.min() - 4 : columns.max() + 5], axis=1)
    assert not beside.any(), "what the mask leaves out is black"
    photo[..., 3] = 204
    assert picture_of(photo) is None
