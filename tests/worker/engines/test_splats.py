"""The engine as a whole, on a scene of a ball."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker import compiled
from reconstruction_worker.engines.gaussians.numba_rasteriser import NumbaRasteriser
from reconstruction_worker.engines.splats import ENGINE, method, settings
from reconstruction_worker.engines.splats.cloud import FIRST_MOMENTS, SECOND_MOMENTS, Cloud, step_by_torch
from reconstruction_worker.engines.splats.refinement import Refinement
from reconstruction_worker.engines.splats.schedule import rates
from reconstruction_worker.engines.splats.seeds import Seeds, seeded
from reconstruction_worker.engines.splats.trainer import SplatsTrainer
from reconstruction_worker.engines.training.checkpoint_store import load_checkpoint
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.quality.metrics import over_white, psnr
from reconstruction_worker.stage import Stopped
from tests.worker.engines.tiny_scene import DISTANCE, RADIUS, Stop, ball, context, look_at_origin, write_ball

CPU = torch.device("cpu")
SIZE, VIEWS = 64, 16
STEPS = 300
POSE = look_at_origin(0.5, 0.2)
CAMERA = Camera(POSE, 1.6 * SIZE, 1.6 * SIZE, SIZE / 2, SIZE / 2, SIZE, SIZE)


def trained(workspace: Path, *, stop: Stop | None = None, **training: Any) -> Path:
    """The stage's folder after a training on the CPU."""
    settings = {"steps": STEPS, "checkpointEverySteps": 100, "device": "CPU", **training}
    ENGINE.fit(context(workspace, stop=stop, engine="splats", training=settings))
    return workspace / "train"


def checkpoint(workspace: Path, step: int) -> dict[str, Any]:
    return load_checkpoint(workspace / "train" / "checkpoints" / f"step-{step:06d}.ckpt")


def decibels(workspace: Path, pose: np.ndarray = POSE) -> float:
    """How well a view that no photo shows is reproduced."""
    camera = Camera(pose, 1.6 * SIZE, 1.6 * SIZE, SIZE / 2, SIZE / 2, SIZE, SIZE)
    rendering = ENGINE.load(workspace / "train", workspace, "cpu").render(camera)
    truth = ball(pose, 1.6 * SIZE, SIZE)
    return psnr(over_white(rendering.rgb, rendering.alpha), over_white(truth[..., :3], truth[..., 3]))


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a training that was not stopped."""
    workspace = tmp_path_factory.mktemp("through")
    write_ball(workspace, views=VIEWS, size=SIZE)
    trained(workspace)
    return workspace


def test_a_view_that_was_never_seen_is_reproduced(through: Path) -> None:
    assert decibels(through) > 24
    rendering = ENGINE.load(through / "train", through, "cpu").render(CAMERA)
    middle = SIZE // 2
    assert rendering.depth[middle, middle] == pytest.approx(DISTANCE - RADIUS, abs=0.08)
    assert rendering.alpha[middle, middle] > 0.95
    assert rendering.alpha[0, 0] < 0.05
    assert not rendering.rgb[rendering.alpha < 1e-4].any()


def test_what_was_trained_can_be_exported_as_gaussians(through: Path) -> None:
    gaussians = ENGINE.gaussians(through / "train")
    model = checkpoint(through, STEPS)["model"]
    assert len(gaussians) == len(model["means"])
    assert np.allclose(np.log(gaussians.scales), model["scales"].numpy(), atol=1e-5)
    assert np.allclose(np.linalg.norm(gaussians.rotations, axis=1), 1, atol=1e-5)
    assert ((gaussians.opacities > 0) & (gaussians.opacities < 1)).all()
    assert gaussians.harmonics.shape[1] == (json.loads((through / "train" / "engine.json").read_text())
                                            ["settings"]["harmonics"] + 1) ** 2  # fmt: skip


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_resumed_training_gives_the_same_bits_whatever_the_threads(
    through: Path, tmp_path: Path, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(through / "poses", tmp_path / "poses")
    monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
    compiled._pool.cache_clear()
    with pytest.raises(Stopped):
        trained(tmp_path, stop=Stop(100))
    trained(tmp_path)
    compiled._pool.cache_clear()
    one, other = checkpoint(through, STEPS), checkpoint(tmp_path, STEPS)
    assert one["model"].keys() == other["model"].keys()
    assert all(torch.equal(one["model"][name], other["model"][name]) for name in one["model"])
    assert one["random"] == other["random"]


def test_there_are_more_gaussians_afterwards_and_no_more_than_settled(tmp_path: Path) -> None:
    write_ball(tmp_path, views=4, size=SIZE)
    folder = trained(tmp_path, steps=60)
    settings = json.loads((folder / "engine.json").read_text())["settings"]
    first, last = checkpoint(tmp_path, 0), checkpoint(tmp_path, 60)
    assert len(first["model"]["means"]) < len(last["model"]["means"]) <= settings["mostGaussians"]


def test_each_step_looks_at_as_many_photos_as_the_job_says(tmp_path: Path) -> None:
    write_ball(tmp_path, views=5, size=16)
    trained(tmp_path, steps=10, gradientAccumulation=3)
    assert checkpoint(tmp_path, 10)["compared"] == 30


def test_gaussians_are_flat_and_none_is_a_needle(through: Path) -> None:
    scales = np.sort(ENGINE.gaussians(through / "train").scales, axis=1)
    assert np.median(scales[:, 0] / scales[:, 1]) < 0.3
    assert (scales[:, 2] / scales[:, 1]).max() < 20


@pytest.mark.parametrize("views", [2, 3])
def test_a_few_photos_are_enough_to_begin(tmp_path: Path, views: int) -> None:
    write_ball(tmp_path, views=views, size=SIZE)
    trained(tmp_path, steps=100)
    frames = json.loads((tmp_path / "poses" / "transforms.json").read_text())["frames"]
    assert decibels(tmp_path, np.array(frames[0]["transform_matrix"])) > 18


def test_one_photo_is_refused(tmp_path: Path) -> None:
    write_ball(tmp_path, views=1)
    with pytest.raises(ReconstructionError, match="takes 2 to 1000 posed photos; there are 1") as failure:
        trained(tmp_path)
    assert failure.value.code == "ImageCountOutOfRange"


def test_without_masks_and_points_gaussians_begin_anywhere(tmp_path: Path) -> None:
    write_ball(tmp_path, views=VIEWS, size=SIZE, alpha=False)
    trained(tmp_path)
    rendering = ENGINE.load(tmp_path / "train", tmp_path, "cpu").render(CAMERA)
    truth = ball(POSE, 1.6 * SIZE, SIZE)
    over_grey = truth[..., :3] * truth[..., 3:] + 0.5 * (1 - truth[..., 3:])
    assert psnr(over_white(rendering.rgb, rendering.alpha), over_grey) > 17


def test_in_half_precision_gaussians_stay_where_they_are(tmp_path: Path) -> None:
    write_ball(tmp_path, views=4, size=SIZE)
    folder = trained(tmp_path, steps=40, resultPrecision="Half")
    model = load_checkpoint(folder / "checkpoints" / "result.ckpt")["model"]
    assert model["means"].dtype == torch.float32
    assert model["harmonics"].dtype == torch.float16
    assert ENGINE.load(folder, tmp_path, "cpu").render(CAMERA).alpha.max() > 0.5


def test_numbers_that_are_none_end_the_training_after_a_second_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ball(tmp_path, views=4, size=16)
    step = SplatsTrainer.train_step

    def spoiling(trainer: SplatsTrainer) -> Any:
        losses = step(trainer)
        if trainer.step >= 20:
            trainer.cloud.parameters["means"][0] = float("nan")
        return losses

    monkeypatch.setattr(SplatsTrainer, "train_step", spoiling)
    with pytest.raises(ReconstructionError, match="also with a lower learning rate") as failure:
        trained(tmp_path, steps=40, checkpointEverySteps=10)
    assert failure.value.code == "TrainingDiverged"


def test_photos_of_several_exposures_are_explained_by_them(tmp_path: Path) -> None:
    """Every other photo is darker, and its file does not say so."""
    from PIL import Image

    write_ball(tmp_path, views=VIEWS, size=SIZE, alpha=False)
    for file in sorted((tmp_path / "poses" / "images").iterdir())[::2]:
        picture = np.asarray(Image.open(file)).astype(np.float32) * 0.8
        Image.fromarray(picture.astype(np.uint8)).save(file)
    trained(tmp_path, holdOut="None")
    own = np.array(checkpoint(tmp_path, STEPS)["exposures"]["own"])
    assert (own[1::2].mean() - own[::2].mean()) > 0.1


def cloud_of(count: int, most: int) -> Cloud:
    random = np.random.default_rng(0)
    return Cloud(seeded(Seeds(random.normal(size=(count, 3)), random.random((count, 3))), 2.0), 0, most, CPU)


def test_a_step_on_a_gpu_is_the_step_on_the_cpu() -> None:
    """Also for those that are not seen, which rest."""
    ours, theirs = cloud_of(50, 50), cloud_of(50, 50)
    slopes = {name: torch.randn_like(value) for name, value in ours.slopes.by.items()}
    seen = torch.arange(50) % 3 > 0
    kinds = ("values", "slopes", FIRST_MOMENTS, SECOND_MOMENTS)
    for _ in range(3):
        for cloud in (ours, theirs):
            for name, slope in slopes.items():
                cloud.slopes.by[name].copy_(slope)
        ours.step(seen.nonzero()[:, 0], moving := rates(0.5, 2.0, 1.0, 0))
        for name, rate in moving.items():
            values, slope, firsts, seconds = (theirs._all[kind][name].flatten(1) for kind in kinds)
            step_by_torch(seen[:, None].float(), values, slope, firsts, seconds, rate)
    for kind in kinds:
        for name, values in ours._all[kind].items():
            assert torch.allclose(theirs._all[kind][name], values, rtol=1e-5, atol=1e-7), (kind, name)


def test_a_comparison_that_does_not_fit_has_fewer_gaussians(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training goes on with the most opaque ones, also after a restart, and never has more again."""
    write_ball(tmp_path, views=4, size=SIZE)
    compare, tried = NumbaRasteriser.compare, []

    def with_little_memory(rasteriser: Any, gaussians: Any, *rest: Any) -> Any:
        tried.append(len(gaussians["means"]))
        if tried[-1] > room:
            raise MemoryError
        return compare(rasteriser, gaussians, *rest)

    room = 3500
    monkeypatch.setattr(settings, "FEWEST", 4000)  # as many as there may be with photos as small as these
    monkeypatch.setattr(method, "FEWEST_SEEDS", 4000)
    monkeypatch.setattr(method, "SEED_SHARE", 1.0)
    monkeypatch.setattr(NumbaRasteriser, "compare", with_little_memory)
    with pytest.raises(Stopped):
        trained(tmp_path, stop=Stop(40), steps=80)
    assert tried[:2] == [4000, 3000]
    assert max(tried[1:]) == 3000
    trained(tmp_path, steps=80)
    assert max(tried[1:]) == 3000
    room = 10
    write_ball(tmp_path / "other", views=4, size=SIZE)
    with pytest.raises(ReconstructionError, match="does not fit into memory") as failure:
        trained(tmp_path / "other", steps=80)
    assert failure.value.code == "HostOutOfMemory"
    assert failure.value.details["gaussians"] < 4000


def test_what_shows_most_error_is_split_and_the_number_stays_below_its_limit() -> None:
    cloud = cloud_of(300, 1000)
    cloud.shown[:, 1] = 1
    cloud.shown[:10, 0] = 1
    first = {name: value.clone() for name, value in cloud.parameters.items()}
    Refinement(2.0).refine(cloud, np.random.default_rng(0), 305)
    moved = (cloud.parameters["means"][:300] != first["means"]).any(1)
    assert cloud.count == 305
    assert moved.sum() == 5 and not moved[10:].any()


def test_dead_gaussians_move_to_where_error_is() -> None:
    cloud = cloud_of(300, 1000)
    cloud.shown[:, :2] = 1
    cloud.put("opacities", torch.arange(20), torch.full((20, 1), -8.0))
    Refinement(2.0).refine(cloud, np.random.default_rng(0), 0)
    assert cloud.count == 300
    assert (cloud.parameters["opacities"].sigmoid() > 0.01).all()


def test_what_no_photo_shows_is_removed_in_the_end() -> None:
    cloud = cloud_of(300, 300)
    cloud.shown[:, 1] = 8
    cloud.shown[:, 2] = 4.0
    cloud.shown[:30, 2] = 0.0
    kept = cloud.parameters["means"][30:].clone()
    Refinement(2.0).finish(cloud, photos=8)
    assert torch.equal(cloud.parameters["means"], kept)


def test_without_enough_looks_nothing_is_called_hidden() -> None:
    cloud = cloud_of(300, 300)
    cloud.shown[:, 1] = 2
    Refinement(2.0).finish(cloud, photos=8)
    assert cloud.count == 300
