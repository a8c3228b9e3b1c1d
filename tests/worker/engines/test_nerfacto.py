"""Whole trainings on a tiny scene."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_worker.engines.nerfacto import ENGINE
from reconstruction_worker.engines.nerfacto.known_depth import DepthWeight
from reconstruction_worker.engines.nerfacto.settings import CPU
from reconstruction_worker.engines.rays.keypoints import find_depths
from reconstruction_worker.engines.rays.ray_trainer import RayTrainer
from reconstruction_worker.engines.training.checkpoint_store import CheckpointStore, load_checkpoint
from reconstruction_worker.engines.training.losses import Losses
from reconstruction_worker.engines.training.posed_photos import read_scene
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original
from reconstruction_worker.quality.metrics import over_white, psnr
from reconstruction_worker.stage import Stopped
from reconstruction_worker.stages import evaluate, train
from tests.worker.engines.tiny_scene import Stop, ball, ball_depth, context, look_at_origin, write_ball

STEPS = 120
TRAINING = {"steps": STEPS, "device": "CPU", "checkpointEverySteps": 30}


@pytest.fixture(scope="module", autouse=True)
def small_batches() -> Iterator[None]:
    """Enough for so small a scene."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CPU, "raysPerStep", 512)
        yield


@pytest.fixture(scope="module")
def trained(small_batches: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose train stage ran through."""
    workspace = tmp_path_factory.mktemp("trained")
    write_ball(workspace)
    train.run(context(workspace, training=TRAINING))
    return workspace


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def model_of(workspace: Path, step: int = STEPS) -> dict[str, torch.Tensor]:
    return load_checkpoint(workspace / "train" / "checkpoints" / f"step-{step:06d}.ckpt")["model"]


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_a_view_that_was_never_seen_is_reproduced(trained: Path) -> None:
    pose, size = look_at_origin(0.5, 0.2), 40
    field = ENGINE.load(trained / "train", trained, "cpu")
    rendering = field.render(Camera(pose, 64, 64, size / 2, size / 2, size, size))
    truth = ball(pose, 64, size)
    assert psnr(over_white(rendering.rgb, rendering.alpha), over_white(truth[..., :3], truth[..., 3])) > 20


def test_depth_is_the_distance_to_the_surface_and_alpha_its_outline(trained: Path) -> None:
    size = 24
    field = ENGINE.load(trained / "train", trained, "cpu")
    rendering = field.render(Camera(look_at_origin(1.0, 0.3), 38, 38, size / 2, size / 2, size, size))
    assert rendering.depth[12, 12] == pytest.approx(3.0 - 0.6, abs=0.1)
    assert rendering.alpha[12, 12] > 0.95
    assert rendering.alpha[0, 0] < 0.05
    assert not rendering.rgb[rendering.alpha < 1e-4].any()


def test_the_stage_leaves_what_the_workspace_promises(trained: Path) -> None:
    folder = trained / "train"
    manifest = json.loads((folder / "engine.json").read_text())
    assert (manifest["engine"], manifest["licence"]) == ("nerfacto", "Apache-2.0")
    assert manifest["step"] == STEPS
    assert manifest["checkpoint"] == f"checkpoints/step-{STEPS:06d}.ckpt"
    assert json.loads((folder / "split.json").read_text())["eval"] == ["ball_05.png"]
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in history] == [20, 40, 60, 80, 100, 120]
    assert history[-1]["loss"] < history[0]["loss"]
    assert len(list((folder / "checkpoints").glob("*.ckpt"))) == 2


def test_a_stopped_and_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, one_thread: None) -> None:
    results = []
    for name, stop_at in (("through", None), ("stopped", 20)):
        workspace = tmp_path / name
        write_ball(workspace, views=6, size=24)
        settings = {**TRAINING, "steps": 50}
        if stop_at is not None:
            with pytest.raises(Stopped):
                train.run(context(workspace, stop=Stop(stop_at), training=settings))
            assert max(int(f.stem[5:]) for f in (workspace / "train" / "checkpoints").glob("*.ckpt")) < 50
        train.run(context(workspace, training=settings))
        results.append(model_of(workspace, 50))
    assert_equal(*results)


def test_after_damage_training_goes_on_from_the_checkpoint_before(trained: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(trained, tmp_path / "damaged"))
    (workspace / "train" / "checkpoints" / f"step-{STEPS:06d}.ckpt").write_bytes(b"cut off")
    half = workspace / "train" / "checkpoints" / "step-000115.tmp"
    half.write_bytes(b"killed meanwhile")
    output = train.run(context(workspace, training=TRAINING))
    assert "resumed at step 90" in output.message
    assert not half.exists(), "it would count as a part of the result"
    history = [json.loads(line)["step"] for line in (workspace / "train" / "history.jsonl").read_text().splitlines()]
    assert history[:4] == [20, 40, 60, 80]
    assert history[-1] == STEPS
    assert len(history) == len(set(history))


def test_checkpoints_of_other_photos_are_refused(trained: Path, tmp_path: Path) -> None:
    write_ball(tmp_path, views=7)
    (tmp_path / "train").symlink_to(trained / "train")
    with pytest.raises(ReconstructionError) as failure:
        train.run(context(tmp_path, training=TRAINING))
    assert failure.value.code == "CheckpointIncompatible"


def test_a_result_in_half_precision_shows_the_same_in_a_fraction_of_the_space(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Path(shutil.copytree(trained, tmp_path / "halved"))
    checkpoints, half = workspace / "train" / "checkpoints", {**TRAINING, "resultPrecision": "Half"}
    camera, (full,) = Camera(look_at_origin(0.5, 0.2), 64, 64, 20, 20, 40, 40), checkpoints.glob(f"*{STEPS}.ckpt")
    before, size = ENGINE.load(workspace / "train", workspace, "cpu").render(camera), full.stat().st_size

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointStore, "remove_checkpoints", lambda _: 1 / 0)  # killed in this moment
        with pytest.raises(ZeroDivisionError):
            train.run(context(workspace, training=half))
    assert full.exists()
    for output in (train.run(context(workspace, training=half)) for _ in range(2)):
        assert output.metrics["steps"] == STEPS
        assert [file.name for file in sorted(checkpoints.iterdir())] == ["result.ckpt", "result.ckpt.sha256"]
    assert (
        checkpoints / "result.ckpt"
    ).stat().st_size < size / 3  # of so small a model, the hull of the masks is a third
    manifest = json.loads((workspace / "train" / "engine.json").read_text())
    assert (manifest["checkpoint"], manifest["step"]) == ("checkpoints/result.ckpt", STEPS)
    after = ENGINE.load(workspace / "train", workspace, "cpu").render(camera)
    assert psnr(over_white(after.rgb, after.alpha), over_white(before.rgb, before.alpha)) > 50


def test_full_precision_asked_for_again_takes_a_new_training(tmp_path: Path) -> None:
    write_ball(tmp_path, views=4, size=16)
    training = {**TRAINING, "steps": 4}
    for precision in ("Half", "Full"):
        train.run(context(tmp_path, training={**training, "resultPrecision": precision}))
    names = {file.name for file in (tmp_path / "train" / "checkpoints").glob("*.ckpt")}
    assert names == {"step-000000.ckpt", "step-000004.ckpt"}


def spoil(monkeypatch: pytest.MonkeyPatch, step: int, times: int) -> None:
    """Make the model's parameters NaN when training passes a step, `times` times."""
    original = RayTrainer.train_step
    passes = iter(range(times))

    def train_step(trainer: RayTrainer) -> Losses:
        if trainer.step == step and next(passes, None) is not None:
            with torch.no_grad():
                for parameter in trainer.model.module.parameters():
                    parameter.fill_(float("nan"))
        return original(trainer)

    monkeypatch.setattr(RayTrainer, "train_step", train_step)


def test_divergence_is_answered_with_the_last_checkpoint_and_half_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ball(tmp_path, views=6, size=24)
    spoil(monkeypatch, step=35, times=1)
    train.run(context(tmp_path, training={**TRAINING, "steps": 50}))
    last = load_checkpoint(tmp_path / "train" / "checkpoints" / "step-000050.ckpt")
    assert last["rate_factor"] == 0.5
    assert all(torch.isfinite(tensor).all() for tensor in last["model"].values())


def test_a_second_divergence_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ball(tmp_path, views=6, size=24)
    spoil(monkeypatch, step=35, times=2)
    with pytest.raises(ReconstructionError) as failure:
        train.run(context(tmp_path, training={**TRAINING, "steps": 50}))
    assert failure.value.code == "TrainingDiverged"


def test_photos_without_masks_train_an_open_scene(tmp_path: Path) -> None:
    write_ball(tmp_path, views=8, size=32, alpha=False)
    train.run(context(tmp_path, training={**TRAINING, "steps": 40}))
    output = evaluate.run(context(tmp_path, StageName.EVALUATE, quality={"onFailure": "Warn"}))
    assert float(output.metrics["psnr"]) > 14


def test_depth_maps_tell_where_the_surface_is_when_three_outlines_do_not(tmp_path: Path) -> None:
    pose, errors = look_at_origin(0.6, 0.6), {}
    truth = along_the_ray(ball_depth(pose, 38, 24), 38)
    for name in ("with", "without"):
        workspace = tmp_path / name
        write_ball(workspace, views=3, size=32)
        if name == "with":
            add_depth(workspace)
        train.run(context(workspace, training={**TRAINING, "steps": 100, "holdOut": "None"}))
        field = ENGINE.load(workspace / "train", workspace, "cpu")
        distance = field.render(Camera(pose, 38, 38, 12, 12, 24, 24)).depth
        errors[name] = np.median(np.abs(distance - truth)[truth > 0])
    assert errors["with"] < 0.4 * errors["without"]


def test_the_weight_of_depth_maps_falls_while_colours_become_exact() -> None:
    weight = DepthWeight(0.1, 0.01, steps=1000)
    assert [weight.at(step) for step in (0, 100, 200, 999)] == pytest.approx([0.1, 0.1 * 10**-0.5, 0.01, 0.01])


def add_depth(workspace: Path) -> None:
    """Leave depth maps as the poses stage does."""
    file = workspace / "poses" / "transforms.json"
    document = json.loads(file.read_text())
    (workspace / "poses" / "depth").mkdir()
    for frame in document["frames"]:
        frame["depth_file_path"] = frame["file_path"].replace("images", "depth")
        depth = ball_depth(np.array(frame["transform_matrix"]), document["fl_x"], document["w"])
        Image.fromarray(np.round(depth * 1000).astype(np.uint16)).save(workspace / frame["depth_file_path"])
    file.write_text(json.dumps(document))


def along_the_ray(depth: np.ndarray, focal: float) -> np.ndarray:
    """Distances from the camera, of those along its axis."""
    offset = (np.arange(len(depth)) + 0.5 - len(depth) / 2) / focal
    return depth * np.sqrt(1 + offset[None] ** 2 + offset[:, None] ** 2)


def test_pixels_of_depth_maps_know_their_distance(tmp_path: Path) -> None:
    """Also where the maps are smaller than the photos; the photo of the last one is not trained on."""
    write_ball(tmp_path, views=4, size=40)
    add_depth(tmp_path)
    for photo in read_scene(tmp_path).photos:
        small = ball_depth(photo.camera.camera_to_world, photo.camera.fx / 2, 20)
        assert photo.depth is not None
        Image.fromarray(np.round(small * 1000).astype(np.uint16)).save(photo.depth)
    photos = read_scene(tmp_path).photos[:3]
    exact, clear = find_depths(photos)
    assert len(exact) == len(clear) > 300
    assert (exact.reach, clear.reach) == (0, pytest.approx(0.03 * np.median(exact.distances)))
    for view, photo in enumerate(photos):
        mine = exact.views == view
        camera = photo.camera
        truth = along_the_ray(ball_depth(camera.camera_to_world, camera.fx, 40), camera.fx)
        found = truth[exact.rows[mine], exact.columns[mine]]
        # a pixel off, at the outline: beside the ball, or deeper
        assert np.median(np.abs(exact.distances[mine] - found)) < 0.02


def test_without_a_gpu_asking_for_one_is_an_error(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    write_ball(tmp_path, views=4, size=16)
    with pytest.raises(ReconstructionError) as failure:
        train.run(context(tmp_path, training={"device": "CUDA"}))
    assert failure.value.code == "GPUUnavailable"


def test_too_few_posed_photos_are_refused(tmp_path: Path) -> None:
    write_ball(tmp_path, views=2, size=16)
    with pytest.raises(ReconstructionError) as failure:
        train.run(context(tmp_path, training=TRAINING))
    assert failure.value.code == "ImageCountOutOfRange"


def evaluation(trained: Path, tmp_path: Path, **quality: str):
    """The evaluate stage on a trained scene, in a workspace of its own."""
    for name in ("poses", "train"):
        (tmp_path / name).symlink_to(trained / name)
    return context(tmp_path, StageName.EVALUATE, quality=quality)


def test_evaluation_writes_numbers_verdict_and_pictures(trained: Path, tmp_path: Path) -> None:
    stage = evaluation(trained, tmp_path, minPSNR="15", minSSIM="0.5", warnPSNR="10", warnSSIM="0.4")
    output = evaluate.run(stage)
    quality = json.loads((stage.folder / "quality.json").read_text())
    assert quality["verdict"] == "pass"
    assert float(output.metrics["psnr"]) == pytest.approx(quality["psnr"], abs=0.01)
    assert isinstance(output.metrics["ssim"], str)
    assert 0 < quality["flip"] < 0.5
    assert float(output.metrics["flip"]) == pytest.approx(quality["flip"], abs=0.001)
    assert quality["lpips"] is None
    assert quality["lpipsReason"]
    assert quality["views"][0]["name"] == quality["worst"][0] == "ball_05.png"
    for kind in ("render", "photo", "error"):
        assert (stage.folder / "views" / f"ball_05.png.{kind}.jpg").stat().st_size > 0


def test_a_held_out_photo_that_does_not_show_the_object_gives_a_finite_psnr(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "poses", tmp_path / "poses")
    (tmp_path / "train").symlink_to(trained / "train")
    file = tmp_path / "poses" / "transforms.json"
    document = json.loads(file.read_text())
    away = np.array(document["frames"][5]["transform_matrix"]) @ np.diag([-1.0, 1, -1, 1])
    document["frames"][5]["transform_matrix"] = away.tolist()
    file.write_text(json.dumps(document))
    picture = tmp_path / document["frames"][5]["file_path"]
    with Image.open(picture) as photo:
        Image.new("RGBA", photo.size).save(picture)
    output = evaluate.run(context(tmp_path, StageName.EVALUATE))
    text = (tmp_path / "evaluate" / "quality.json").read_text()
    assert "Infinity" not in text
    assert json.loads(text)["views"][0] == {
        "name": "ball_05.png",
        "psnr": 100.0,
        "ssim": 1.0,
        "flip": 0.0,
        "lpips": None,
    }
    assert output.metrics["psnr"] == "100.00"


def test_without_held_out_photos_nothing_is_passed_or_failed(tmp_path: Path) -> None:
    write_ball(tmp_path, views=6, size=24)
    train.run(context(tmp_path, training={**TRAINING, "steps": 20, "holdOut": "None"}))
    assert len(json.loads((tmp_path / "train" / "split.json").read_text())["train"]) == 6
    stage = context(tmp_path, StageName.EVALUATE, quality={"minPSNR": "90", "warnPSNR": "80"})
    output = evaluate.run(stage)
    quality = json.loads((stage.folder / "quality.json").read_text())
    assert [quality[name] for name in ("psnr", "ssim", "flip", "lpips")] == [None] * 4
    assert (quality["verdict"], quality["reason"]) == ("warn", "no photo was held out")
    assert quality["trained"]["psnr"] == pytest.approx(np.mean([view["psnr"] for view in quality["views"]]), abs=0.01)
    assert len(quality["views"]) == 6
    assert output.metrics == {"qualityVerdict": "warn"}
    assert "no photo was held out" in output.message


def test_a_missed_bar_fails_after_the_numbers_were_written(trained: Path, tmp_path: Path) -> None:
    stage = evaluation(trained, tmp_path, minPSNR="90", warnPSNR="80", onFailure="Fail")
    original = Original(name="My photos/ball (5).HEIC", width=20, height=20, sha256="0" * 64)
    photo = DatasetImage(name="ball_05.jpg", file="ingest/images/ball_05.jpg", width=20, height=20, original=original)
    (tmp_path / "ingest").mkdir()
    (tmp_path / "ingest" / "dataset.json").write_text(Dataset(images=[photo]).model_dump_json(by_alias=True))
    with pytest.raises(ReconstructionError) as failure:
        evaluate.run(stage)
    quality = json.loads((stage.folder / "quality.json").read_text())
    assert failure.value.code == "QualityBelowThreshold"
    assert quality["verdict"] == "fail"
    assert float(failure.value.details["psnr"]) == pytest.approx(quality["psnr"], abs=0.01)
    assert "80 dB" in failure.value.message
    assert "Worst: My photos/ball (5).HEIC" in failure.value.message
    assert failure.value.details["worst"][0] == "My photos/ball (5).HEIC"
    assert quality["worst"][0] == "ball_05.png"


def test_a_missed_bar_is_a_warning_when_the_job_says_so(trained: Path, tmp_path: Path) -> None:
    output = evaluate.run(evaluation(trained, tmp_path, minPSNR="90", warnPSNR="80", onFailure="Warn"))
    assert output.metrics["qualityVerdict"] == "fail"


def test_the_same_camera_always_gives_the_same_picture(trained: Path) -> None:
    field = ENGINE.load(trained / "train", trained, "cpu")
    camera = Camera(look_at_origin(0, 0), 32, 32, 10, 10, 20, 20)
    np.testing.assert_array_equal(field.render(camera).rgb, field.render(camera).rgb)
