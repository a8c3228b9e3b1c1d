"""The adapter around Splatt3R, with a stub in its network's place that gives what the photos truly show: pairs,
alignment, Gaussians, and what goes wrong. The network itself: docs/engines.md."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from reconstruction_splatt3r import ENGINE, SPEC, WEIGHTS, convert, fitting, layers
from reconstruction_splatt3r.aligning import OPENCV, align
from reconstruction_splatt3r.layers import Seen, as_gaussians
from reconstruction_splatt3r.pairs import best_pairs
from reconstruction_splatt3r.squares import Policy, square_of
from safetensors.torch import load_file, save_file
from scipy.spatial.transform import Rotation

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_WEIGHTS
from reconstruction_api.stages import StageName
from reconstruction_worker.engines import licences, registry, trained
from reconstruction_worker.engines.engine_document import EngineDocument
from reconstruction_worker.engines.foreign.program import ENV_UPSTREAM
from reconstruction_worker.engines.training.posed_photos import read_scene
from reconstruction_worker.files import empty_folder
from reconstruction_worker.geometry.cameras import pixel_rays
from reconstruction_worker.geometry.harmonics import CONSTANT
from reconstruction_worker.geometry.ply_file import read_ply
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.similarity import Similarity
from reconstruction_worker.stage import StageContext, Stopped
from reconstruction_worker.stages import mesh
from reconstruction_worker.weights.adding import add
from reconstruction_worker.weights.known import of_engine

from ..worker.engines.test_depth_fusion import SIZE, distance_to_ball
from ..worker.engines.tiny_scene import context
from ..worker.geometry.scenes import MeshField, bumpy_sphere, look_at, paint, write_poses
from .stub_of_mast3r import SPREAD

STUB = Path(__file__).with_name("stub_of_mast3r.py")
SIDE = 128
TURNS = (-40, -15, 10, 40)


def scene(workspace: Path, turns: tuple[float, ...] = TURNS) -> None:
    """A bumpy ball, seen from angles to its front."""
    eyes = [2.2 * np.array([np.sin(np.radians(turn)), -np.cos(np.radians(turn)), 0.2]) for turn in turns]
    write_poses(workspace, MeshField(bumpy_sphere()), [look_at(eye, size=160) for eye in eyes])


def planted(tmp_path: Path, patch: pytest.MonkeyPatch) -> Path:
    """Folder of the program, whose network is the stub; weights are there, and the device is taken for granted."""
    folder = tmp_path / "upstream" / "splatt3r"
    model = folder / fitting.PROGRAM.entry
    model.parent.mkdir(parents=True)
    shutil.copyfile(STUB, model)
    patch.setenv(ENV_UPSTREAM, str(folder.parent))
    patch.setenv(ENV_WEIGHTS, str(tmp_path / "weights"))
    patch.setattr("reconstruction_worker.engines.training.device.choose_device", lambda *_: torch.device("cpu"))
    patch.setattr(fitting, "SIDE", SIDE)
    added(tmp_path, {"scale": torch.zeros(1)})
    return folder


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return planted(tmp_path, monkeypatch)


def added(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(tensors, tmp_path / "made.safetensors")
    (tmp_path / "weights").mkdir(exist_ok=True)
    add(of_engine(SPEC, WEIGHTS), tmp_path / "made.safetensors", tmp_path / "weights", [WEIGHTS.licence])


def fitted(
    tmp_path: Path, upstream: Path, *, turns: tuple[float, ...] = TURNS, stop: Callable[[], bool] | None = None
) -> tuple[StageContext, str]:
    workspace = tmp_path / "workspace"
    scene(workspace, turns)
    squares = [square_of(photo, SIDE) for photo in read_scene(workspace).photos]
    seen = [Caster(bumpy_sphere()).view(square.camera) for square in squares]
    rays = [pixel_rays(square.camera) for square in squares]
    places = [square.camera.camera_to_world for square in squares]
    np.savez(
        upstream / "truth.npz",
        rgb=[square.rgb for square in squares],
        hit=[each.hit for each in seen],
        points=[
            place[:3, 3] + ray * np.where(each.hit, each.distance, 0)[..., None]
            for each, ray, place in zip(seen, rays, places, strict=True)
        ],
        facing=[0.5 * (ray @ -place[:3, 2]) for ray, place in zip(rays, places, strict=True)],
        camera_from_world=[np.linalg.inv(place @ np.diag([1, -1, -1, 1])) for place in places],
    )
    wanted = context(workspace, engine="splatt3r", training={"holdOut": "None"})
    wanted = replace(wanted, stop_requested=stop) if stop is not None else wanted
    return wanted, ENGINE.fit(wanted).message


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StageContext, str, Path]]:
    """What four photos became; the message, and the program's folder."""
    tmp_path = tmp_path_factory.mktemp("four")
    with pytest.MonkeyPatch.context() as patch:
        folder = planted(tmp_path, patch)
        wanted, said = fitted(tmp_path, folder)
        yield wanted, said, folder


def test_what_pairs_show_lies_where_the_cameras_say(made: tuple[StageContext, str, Path]) -> None:
    wanted, said, folder = made
    found = ENGINE.gaussians(wanted.folder)
    off = distance_to_ball(found.means.astype(np.float64))
    assert len(found) > 3000 and np.quantile(off, 0.99) < 0.002, "the unit of each pair is found by the baseline"
    assert np.abs(found.harmonics[:, 0] * CONSTANT + 0.5 - CONSTANT * 0.01 - paint(found.means)).mean() < 0.03
    assert np.allclose(found.opacities, 0.9)
    document = EngineDocument.read(wanted.folder / "engine.json")
    assert (document.engine, document.licence) == ("splatt3r", "CC-BY-NC-SA-4.0")
    photos = [photo.name for photo in read_scene(wanted.workspace).photos]
    assert [each["photo"] for each in document.settings["layers"]] == photos
    assert all(each["offRays"] < 1e-3 and each["offOthers"] < 0.01 for each in document.settings["layers"])
    assert "from 4 photos, 8 pairs" in said and document.settings["leftOut"] == []
    assert not (wanted.folder / "splatt3r").exists(), "what it works with takes much room"
    asked = json.loads((folder / "settings.json").read_text())
    assert (asked["enc_embed_dim"], asked["dec_depth"], asked["use_offsets"]) == ("1024", "12", "True")


def test_its_gaussians_keep_their_shape(made: tuple[StageContext, str, Path]) -> None:
    found = ENGINE.gaussians(made[0].folder)
    turn = Rotation.from_quat(np.roll(found.rotations, -1, axis=1)).as_matrix()
    covariance = np.einsum("nij,nj,nkj->nik", turn, found.scales.astype(np.float64) ** 2, turn)
    assert np.abs(covariance - np.diag(SPREAD**2)).max() < 0.02 * SPREAD.max() ** 2


def test_a_place_that_several_photos_show_has_the_gaussian_of_the_surest(made: tuple[StageContext, str, Path]) -> None:
    alone = sum(int(square_of(photo, SIDE).known.sum()) for photo in read_scene(made[0].workspace).photos)
    assert len(ENGINE.gaussians(made[0].folder)) < 0.7 * alone


def test_it_can_be_looked_at_from_a_new_place(made: tuple[StageContext, str, Path]) -> None:
    camera = look_at(np.array([0.1, -2.2, 0.3]), size=96)
    shown = ENGINE.load(made[0].folder, made[0].workspace, "cpu").render(camera)
    truth = MeshField(bumpy_sphere()).render(camera)
    both = (shown.alpha > 0.9) & (truth.alpha > 0)
    assert both.sum() > 0.8 * (truth.alpha > 0).sum()
    assert np.abs(shown.rgb - truth.rgb)[both].mean() < 0.06


def test_stages_after_it_make_a_mesh_of_what_it_saw(
    made: tuple[StageContext, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("splatt3r", "reconstruction_splatt3r:ENGINE", registry.GROUP)
    monkeypatch.setattr(registry, "available", lambda: {"splatt3r": point})
    wanted = context(made[0].workspace, StageName.MESH, engine="splatt3r", mesh={"targetFaces": 5000})
    empty_folder(wanted.folder)
    mesh.run(wanted)
    found = read_ply(wanted.folder / "mesh.ply")
    front = found.vertices[found.vertices[:, 1] < -0.2]
    assert len(found.faces) > 1000 and np.median(distance_to_ball(front)) < 0.01 * SIZE
    gaussians = trained.trained_gaussians(wanted)
    assert gaussians is not None and len(gaussians) == len(ENGINE.gaussians(made[0].folder))


def test_two_photos_are_enough_and_one_that_shares_nothing_is_left_out(tmp_path: Path, upstream: Path) -> None:
    wanted, said = fitted(tmp_path, upstream, turns=(-10, 10, 180))
    assert np.quantile(distance_to_ball(ENGINE.gaussians(wanted.folder).means.astype(np.float64)), 0.99) < 0.002
    assert "from 2 photos, 2 pairs" in said and said.endswith("without IMG_0002.png")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("nan", "TrainingDiverged"),
        ("unsure", "EmptyMesh"),
        ("CUDA out of memory. Tried to allocate 2 GiB", "GPUOutOfMemory"),
        ("No module named 'einops'", "EngineUnavailable"),
        ("something else", "InternalError"),
    ],
)
def test_what_goes_wrong_has_a_code(tmp_path: Path, upstream: Path, wrong: str, code: str) -> None:
    (upstream / "wrong").write_text(wrong)
    with pytest.raises(ReconstructionError) as failure:
        fitted(tmp_path, upstream, turns=(-10, 10))
    assert failure.value.code == code and "splatt3r" in failure.value.message.lower()


def test_a_photo_that_is_seen_at_another_distance_than_in_the_others_is_named(tmp_path: Path, upstream: Path) -> None:
    (upstream / "wrong").write_text("nearer")
    with pytest.raises(ReconstructionError, match=r"sees in IMG_0000\.png \(\d\d%\) is at other distances") as failure:
        fitted(tmp_path, upstream)
    assert failure.value.code == "PoseEstimationFailed"


def test_a_stop_ends_it_between_two_pairs(tmp_path: Path, upstream: Path) -> None:
    (upstream / "wrong").write_text("slow")
    reported: list[str] = []

    def stop() -> bool:
        return any("pair 2 of" in each for each in reported)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StageContext, "report_progress", lambda _, __, message: reported.append(message))
        with pytest.raises(Stopped):
            fitted(tmp_path, upstream, stop=stop)
    assert not any("pair 8 of 8" in each for each in reported) and any("pair 1 of 8" in each for each in reported)
    assert not (tmp_path / "workspace" / "train" / "engine.json").exists()


def test_an_image_without_the_network_says_which_to_build(tmp_path: Path, upstream: Path) -> None:
    (upstream / fitting.PROGRAM.entry).unlink()
    with pytest.raises(ReconstructionError, match=r"needs src/mast3r_src/mast3r/model\.py") as failure:
        fitted(tmp_path, upstream)
    assert failure.value.code == "EngineUnavailable" and "adapters/splatt3r" in failure.value.suggestion


def test_weights_that_are_not_there_are_named(tmp_path: Path, upstream: Path) -> None:
    (tmp_path / "weights" / WEIGHTS.file).unlink()
    with pytest.raises(ReconstructionError, match=r"reads splatt3r/splatt3r_v1\.0\.safetensors") as failure:
        fitted(tmp_path, upstream)
    assert failure.value.code == "WeightsUnavailable" and "reconstruction_splatt3r.convert" in failure.value.suggestion


def test_weights_of_another_network_are_refused(tmp_path: Path, upstream: Path) -> None:
    added(tmp_path, {"other": torch.zeros(1)})
    with pytest.raises(ReconstructionError, match="not those of its network") as failure:
        fitted(tmp_path, upstream, turns=(-10, 10))
    assert failure.value.code == "WeightsUnavailable"


def test_the_device_is_checked_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[EngineSpec] = []

    def refuse(_: Any, spec: EngineSpec) -> None:
        asked.append(spec)
        raise ReconstructionError("GPUUnavailable", "The engine splatt3r needs 12.0 GiB of GPU memory.")

    monkeypatch.setattr("reconstruction_worker.engines.training.device.choose_device", refuse)
    with pytest.raises(ReconstructionError):
        ENGINE.fit(context(tmp_path))
    assert asked == [SPEC] and SPEC.min_vram_bytes == 12 * 2**30 and not list(tmp_path.iterdir())
    assert (SPEC.min_images, SPEC.max_images, SPEC.needs_gpu) == (2, 10, True)


def test_nobody_uses_it_whose_profile_has_not_accepted_its_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "available", lambda: {"splatt3r": None})
    monkeypatch.setattr(licences, "engine_spec", lambda _: SPEC)
    with pytest.raises(ReconstructionError, match=r"CC-BY-NC-SA-4\.0") as failure:
        licences.check_licence("splatt3r", ["Apache-2.0", "MIT"])
    assert failure.value.code == "LicenseNotAccepted"
    licences.check_licence("splatt3r", ["CC-BY-NC-SA-4.0"])


def test_partners_see_the_same_from_neither_too_near_nor_too_far(tmp_path: Path) -> None:
    scene(tmp_path, (0, 1, 20, 170))
    posed = read_scene(tmp_path)
    partners: dict[int, list[int]] = {}
    for pair in best_pairs([photo.camera for photo in posed.photos], posed):
        partners.setdefault(pair.first, []).append(pair.second)
    assert partners[0][0] == 2 and sorted(partners[2]) == [0, 1]
    assert 3 not in partners, "no other photo shows the ball's back"


def test_alignment_finds_unit_turn_and_place_in_spite_of_noise(tmp_path: Path) -> None:
    scene(tmp_path, (-10, 15))
    cameras = [photo.camera for photo in read_scene(tmp_path).photos]
    caster, random = Caster(bumpy_sphere()), np.random.default_rng(0)
    first = cameras[0].camera_to_world
    points, weights = [], []
    for camera in cameras:
        hits = caster.view(camera)
        world = camera.camera_to_world[:3, 3] + pixel_rays(camera) * np.where(hits.hit, hits.distance, 0)[..., None]
        local = (world - first[:3, 3]) @ first[:3, :3] @ OPENCV / 0.37
        points.append((local + random.normal(0, 0.01, local.shape)).astype(np.float32))
        weights.append(hits.hit.astype(np.float32))
    found = align((cameras[0], cameras[1]), (points[0], points[1]), (weights[0], weights[1]))
    assert found is not None and found.world.scale == pytest.approx(0.37, rel=0.01)
    assert np.degrees(Rotation.from_matrix(found.world.rotation @ (first[:3, :3] @ OPENCV).T).magnitude()) < 0.3
    assert np.linalg.norm(found.world.translation - first[:3, 3]) < 0.02 and found.residual < 0.01
    assert align((cameras[0], cameras[0]), (points[0], points[0]), (weights[0], weights[0])) is None


def photo_of(tmp_path: Path, pixels: NDArray[np.uint8]) -> Any:
    scene(tmp_path, (0, 20))
    photo = read_scene(tmp_path).photos[0]
    Image.fromarray(pixels).save(photo.file)
    height, width = pixels.shape[:2]
    return replace(photo, camera=replace(photo.camera, cx=width / 2, cy=height / 2, width=width, height=height))


def test_squares_are_cut_from_the_middle_and_say_what_they_lose(tmp_path: Path) -> None:
    pixels = np.zeros((90, 120, 3), np.uint8)
    pixels[45, 60] = 255
    photo = photo_of(tmp_path, pixels)
    square = square_of(photo, 180)
    assert square.record == {"photo": photo.name, "policy": "crop", "shown": 0.75}
    assert square.camera.fx == pytest.approx(2 * photo.camera.fx) and square.camera.cx == pytest.approx(90)
    row, column = np.unravel_index(square.rgb[..., 0].argmax(), (180, 180))
    assert abs(row + 0.5 - 91) <= 1 and abs(column + 0.5 - 91) <= 1, "pixel (60.5, 45.5), twice as large, less 30"
    assert square.known.all()


def test_an_object_that_a_square_would_cut_is_shown_whole_beside_margins(tmp_path: Path) -> None:
    pixels = np.full((60, 120, 4), 200, np.uint8)
    pixels[..., 3] = 0
    pixels[20:40, 5:115, 3] = 255
    square = square_of(photo_of(tmp_path, pixels), 120)
    assert square.policy is Policy.PAD and square.shown == 1
    assert square.camera.cy == pytest.approx(60) and not square.known[:50].any() and square.known[60, 60]
    assert square.known.sum() == pytest.approx(18 * 108, abs=8), "nothing beside the photo, the mask or on its edge"


def test_quaternions_of_the_network_have_w_last() -> None:
    ones = np.ones((1, 1), np.float32)
    turn = Rotation.from_euler("xyz", [0.3, -0.5, 0.9])
    zero = np.zeros((1, 1, 3), np.float32)
    seen = Seen(
        zero, ones, zero, np.array([[[3, 2, 1]]], np.float32), turn.as_quat()[None, None].astype(np.float32), zero, ones
    )
    found = as_gaussians(np.full((1, 1, 3), 255, np.uint8), seen, Similarity(2.0))
    assert np.allclose(found.rotations[0], np.roll(turn.as_quat(), 1), atol=1e-6)
    assert found.scales[0].tolist() == [6, 4, 2] and found.harmonics[0, 0, 0] == pytest.approx(0.5 / CONSTANT)
    assert found.opacities[0] < 1 and layers.SURE == 1.5


class Settings:
    """Something that a checkpoint holds beside its tensors, and that does harm when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("harm"),)


def test_a_checkpoint_is_converted_and_nothing_in_it_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = {"encoder.a": torch.ones(2, 3), "encoder.b": torch.zeros(1, dtype=torch.int64), "lpips.c": torch.ones(1)}
    torch.save({"state_dict": state, "hyper_parameters": {"config": Settings()}, "epoch": 19}, "some.ckpt")
    assert convert.main(["some.ckpt", "out.safetensors"]) == 0
    found = load_file("out.safetensors")
    assert sorted(found) == ["a", "b"] and torch.equal(found["a"], torch.ones(2, 3))
    assert not (tmp_path / "harm").exists()
    (tmp_path / "other.ckpt").write_bytes(pickle.dumps(Settings()))
    assert convert.main(["other.ckpt", "no.safetensors"]) == 1 and not (tmp_path / "harm").exists()
    assert convert.main([]) == 2
