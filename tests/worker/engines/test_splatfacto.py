"""Gaussian splatting. Its kernels need CUDA; here a slow rasteriser takes their place, and all the rest is the real
thing: nerfstudio's model, gsplat's refinement, checkpoints, resuming."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reconstruction_api.engines import GPU_ONLY
from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.engines.registry import available, engine_spec
from reconstruction_worker.engines.splatfacto import ENGINE
from reconstruction_worker.engines.splatfacto.method import SplatMethod
from reconstruction_worker.engines.splatfacto.splat_trainer import SplatTrainer
from reconstruction_worker.engines.training.checkpoint_store import load_checkpoint
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.quality.metrics import over_white, psnr
from reconstruction_worker.stage import Stopped
from tests.worker.engines.tiny_scene import RADIUS, Stop, ball, context, look_at_origin, write_ball
from tests.worker.engines.untrained import set_up

STEPS = 60
TRAINING = {"steps": STEPS, "checkpointEverySteps": 30}
PHOTO = 16
RASTERISER = "reconstruction_worker.engines.splatfacto.splat_model.rasterization"


@pytest.fixture
def on_this_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything that asks for CUDA gets the CPU."""
    from tests.worker.engines import slow_rasteriser  # takes seconds: not in each process that collects tests

    monkeypatch.setattr(RASTERISER, slow_rasteriser.rasterization)
    monkeypatch.setattr(torch.Tensor, "cuda", lambda tensor, *_: tensor)
    monkeypatch.setattr("reconstruction_worker.engines.training.fit.choose_device", lambda *_: torch.device("cpu"))
    monkeypatch.setattr("reconstruction_worker.engines.splatfacto.method.SplatMethod.check", lambda *_: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def ball_with_points(workspace: Path) -> None:
    """The ball, and a sparse model of its surface: each point seen by the photos on its side."""
    write_ball(workspace, views=6, size=PHOTO)
    random = np.random.default_rng(0)
    points = random.normal(size=(120, 3))
    points *= RADIUS / np.linalg.norm(points, axis=1, keepdims=True)
    frames = json.loads((workspace / "poses" / "transforms.json").read_text())["frames"]
    towards = np.array([np.array(frame["transform_matrix"])[:3, 3] for frame in frames])
    frame, point = np.nonzero(towards @ points.T > 1.0)
    np.savez(workspace / "poses" / "observations.npz", points=points, frame=frame, point=point)


def checkpoint(workspace: Path, step: int) -> dict:
    return load_checkpoint(workspace / "train" / "checkpoints" / f"step-{step:06d}.ckpt")


def test_a_view_that_was_never_seen_is_reproduced(tmp_path: Path, on_this_cpu: None) -> None:
    ball_with_points(tmp_path)
    ENGINE.fit(context(tmp_path, engine="splatfacto", training=TRAINING))
    manifest = json.loads((tmp_path / "train" / "engine.json").read_text())
    assert (manifest["engine"], manifest["step"]) == ("splatfacto", STEPS)
    pose = look_at_origin(0.5, 0.2)
    rendering = ENGINE.load(tmp_path / "train", tmp_path, "cpu").render(Camera(pose, 25.6, 25.6, 8, 8, PHOTO, PHOTO))
    truth = ball(pose, 25.6, PHOTO)
    assert psnr(over_white(rendering.rgb, rendering.alpha), over_white(truth[..., :3], truth[..., 3])) > 15
    assert rendering.depth[8, 8] == pytest.approx(3.0 - RADIUS, abs=0.3)
    assert rendering.alpha[0, 0] < 0.05
    assert not rendering.rgb[rendering.alpha < 1e-4].any()


def test_gaussians_are_added_and_removed_and_a_resumed_training_goes_on_with_as_many(
    tmp_path: Path, on_this_cpu: None
) -> None:
    results = []
    for name, stop in (("through", None), ("stopped", Stop(20))):
        ball_with_points(tmp_path / name)
        training = {**TRAINING, "steps": 30}
        if stop is not None:
            with pytest.raises(Stopped):
                ENGINE.fit(context(tmp_path / name, stop=stop, engine="splatfacto", training=training))
        ENGINE.fit(context(tmp_path / name, engine="splatfacto", training=training))
        results.append(checkpoint(tmp_path / name, 30))
    through, stopped = (result["model"] for result in results)
    assert len(through["gauss_params.means"]) != 120
    assert through.keys() == stopped.keys()
    assert all(torch.equal(through[name], stopped[name]) for name in through)


def gaussians_after(workspace: Path, steps: int = 40, **training: object) -> int:
    ball_with_points(workspace)
    ENGINE.fit(context(workspace, engine="splatfacto", training={**TRAINING, "steps": steps, **training}))
    return len(checkpoint(workspace, steps)["model"]["gauss_params.means"])


def test_with_several_photos_a_step_as_many_gaussians_grow(tmp_path: Path, on_this_cpu: None) -> None:
    one, four = (gaussians_after(tmp_path / str(n), gradientAccumulation=n) for n in (1, 4))
    assert one > 200
    assert 0.7 < four / one < 1.5


def test_the_gradient_of_a_step_is_the_mean_of_its_photos(tmp_path: Path, on_this_cpu: None) -> None:
    ball_with_points(tmp_path)
    method = SplatMethod()
    trainer = method.trainer(set_up(method, tmp_path, **TRAINING, gradientAccumulation=3))
    drawn = trainer.random.get_state()
    together = gradients_of_a_step(trainer)
    trainer.random.set_state(drawn)
    trainer.photos_per_step = 1
    torch.manual_seed(0)
    apart = [gradients_of_a_step(trainer, seed=None) for _ in range(3)]
    for name, gradient in together.items():
        torch.testing.assert_close(gradient, sum(each[name] for each in apart) / 3)
    assert any((one - other).abs().max() > 0 for one, other in zip(apart[0].values(), apart[1].values(), strict=True))


def gradients_of_a_step(trainer: SplatTrainer, seed: int | None = 0) -> dict[str, torch.Tensor]:
    """`seed` is of the random backgrounds."""
    if seed is not None:
        torch.manual_seed(seed)
    trainer._accumulate_gradients()
    return {name: parameter.grad.clone() for name, parameter in trainer.module.gauss_params.items()}


def test_there_are_never_more_gaussians_than_there_is_room_for(
    tmp_path: Path, on_this_cpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconstruction_worker.engines.splatfacto.settings.MOST_GAUSSIANS", 150)
    assert 120 < gaussians_after(tmp_path) <= 150


def test_no_more_gaussians_are_added_than_there_is_memory_for(
    tmp_path: Path, on_this_cpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconstruction_worker.engines.splatfacto.refinement.free_bytes", lambda _: 0)
    assert gaussians_after(tmp_path) <= 120


def at_most(monkeypatch: pytest.MonkeyPatch, gaussians: int) -> list[int]:
    """Memory for so many; returns the numbers that were tried."""
    from tests.worker.engines import slow_rasteriser

    tried: list[int] = []

    def rasterization(**arguments: Any) -> Any:
        tried.append(len(arguments["means"]))
        if len(arguments["means"]) > gaussians:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return slow_rasteriser.rasterization(**arguments)

    monkeypatch.setattr(RASTERISER, rasterization)
    return tried


def test_where_gaussians_do_not_fit_the_faintest_go_and_training_goes_on(
    tmp_path: Path, on_this_cpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconstruction_worker.engines.splatfacto.splat_trainer.FEWEST", 20)
    tried = at_most(monkeypatch, 100)
    count = gaussians_after(tmp_path)
    assert tried[:2] == [120, 90]
    assert count <= 90
    assert checkpoint(tmp_path, 40)["most_gaussians"] == 90


def test_where_hardly_any_fit_the_numbers_are_said(
    tmp_path: Path, on_this_cpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_most(monkeypatch, 10)
    with pytest.raises(ReconstructionError, match="120 Gaussians does not fit") as failure:
        gaussians_after(tmp_path)
    assert failure.value.details["gaussians"] == 120
    assert failure.value.details["freeBytes"] > 0


def test_similarity_is_that_of_the_reference() -> None:
    from pytorch_msssim import ssim as reference

    from reconstruction_worker.engines.splatfacto.similarity import gaussian_window, ssim

    a, b = torch.rand(2, 20, 30, 3, generator=torch.Generator().manual_seed(0)).unbind()
    ours = ssim(a, b, gaussian_window(a.device))
    expected = reference(a.permute(2, 0, 1)[None], b.permute(2, 0, 1)[None], data_range=1.0)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_without_a_sparse_model_gaussians_begin_at_random_places(
    tmp_path: Path, on_this_cpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ball(tmp_path, views=4, size=16)
    monkeypatch.setattr("reconstruction_worker.engines.splatfacto.settings.RANDOM_POINTS", 300)
    ENGINE.fit(context(tmp_path, engine="splatfacto", training={"steps": 2, "gradientAccumulation": 2}))
    assert checkpoint(tmp_path, 2)["model"]["gauss_params.means"].abs().max() < 1.1


def test_in_half_precision_gaussians_stay_where_they_are(tmp_path: Path, on_this_cpu: None) -> None:
    ball_with_points(tmp_path)
    ENGINE.fit(context(tmp_path, engine="splatfacto", training={"steps": 2, "resultPrecision": "Half"}))
    model = load_checkpoint(tmp_path / "train" / "checkpoints" / "result.ckpt")["model"]
    assert model["gauss_params.means"].dtype == torch.float32
    assert model["gauss_params.features_dc"].dtype == torch.float16
    camera = Camera(look_at_origin(0.5, 0.2), 25.6, 25.6, 8, 8, PHOTO, PHOTO)
    assert ENGINE.load(tmp_path / "train", tmp_path, "cpu").render(camera).alpha.max() > 0.05


def test_what_was_trained_can_be_exported_as_gaussians(tmp_path: Path, on_this_cpu: None) -> None:
    ball_with_points(tmp_path)
    ENGINE.fit(context(tmp_path, engine="splatfacto", training={"steps": 2}))
    gaussians = ENGINE.gaussians(tmp_path / "train")
    model = checkpoint(tmp_path, 2)["model"]
    assert len(gaussians) == len(model["gauss_params.means"])
    assert np.allclose(np.log(gaussians.scales), model["gauss_params.scales"].numpy(), atol=1e-5)
    assert np.allclose(np.linalg.norm(gaussians.rotations, axis=1), 1, atol=1e-5)
    assert ((gaussians.opacities > 0) & (gaussians.opacities < 1)).all()
    assert gaussians.harmonics.shape[1:] == (16, 3)  # up to the third degree


def test_without_a_gpu_the_refusal_names_the_engine(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    for device, words in (("Auto", "needs a GPU"), ("CUDA", "spec.training.device is CUDA"), ("CPU", "on a GPU only")):
        with pytest.raises(ReconstructionError, match=words) as failure:
            ENGINE.fit(context(tmp_path, engine="splatfacto", training={"device": device}))
        assert failure.value.code == "GPUUnavailable"


def test_without_compiled_kernels_the_engine_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    from reconstruction_worker.engines.splatfacto import method

    monkeypatch.setattr("gsplat.cuda._backend._C", None)
    with pytest.raises(ReconstructionError, match="gsplat's CUDA code") as failure:
        method.SplatMethod().check(torch.device("cuda"))
    assert failure.value.code == "EngineUnavailable"


def test_the_operator_knows_which_engines_need_a_gpu() -> None:
    assert {name for name in available() if engine_spec(name).needs_gpu} == GPU_ONLY
