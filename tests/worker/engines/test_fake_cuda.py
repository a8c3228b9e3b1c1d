"""Every engine's training and rendering on a GPU that is not there: see `fake_cuda`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from reconstruction_api.engines import ENGINES
from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.engines.gaussians.gsplat_rasteriser import GsplatRasteriser
from reconstruction_worker.engines.nerfacto.nerfacto_model import Nerfacto
from reconstruction_worker.engines.rays.radiance_field import CHUNK, SMALLEST_CHUNK
from reconstruction_worker.engines.rays.ray_trainer import RayTrainer
from reconstruction_worker.engines.splatfacto.refinement import Refinement
from reconstruction_worker.engines.splatfacto.settings import bytes_per_gaussian
from reconstruction_worker.engines.splatfacto.splat_trainer import SplatTrainer
from reconstruction_worker.engines.splats.cloud import FIRST_MOMENTS, SECOND_MOMENTS
from reconstruction_worker.engines.splats.settings import BYTES_PER_GAUSSIAN, MEMORY_SHARE
from reconstruction_worker.engines.splats.trainer import KEPT_SHARE, SplatsTrainer
from reconstruction_worker.engines.vanilla_nerf.nerf_model import VanillaNerf

from .fake_cuda import GIB
from .fake_training import METHODS, fake_training
from .tiny_scene import write_ball
from .untrained import set_up

RAYS = ["nerfacto", "vanilla-nerf"]
GAUSSIANS = ["splatfacto", "splats"]
MOST_GAUSSIANS = {
    "splatfacto": {"randomPoints": (ENGINES["splatfacto"].min_vram_bytes // 2) // bytes_per_gaussian(3)},
    "splats": {
        "mostGaussians": int(MEMORY_SHARE * ENGINES["splats"].min_vram_bytes / BYTES_PER_GAUSSIAN),
        "harmonics": 3,
    },
}
"""Settings with as many as an engine takes with the memory with which it begins."""
PRESETS = ["Production", "Development"]


@pytest.mark.parametrize("engine", METHODS)
def test_everything_is_on_the_gpu(engine: str, tmp_path: Path) -> None:
    with fake_training(engine, tmp_path) as training:
        training.step()
        assert {tensor.device.type for tensor in training.held()} == {"cuda"}


@pytest.mark.parametrize("engine", METHODS)
def test_what_is_promised_to_be_enough_memory_is_enough(engine: str, tmp_path: Path) -> None:
    """Also where there are as many Gaussians as there may be, and photos are as large as they are by default."""
    if engine in GAUSSIANS:
        write_ball(tmp_path, views=3, size=1386)  # pixels of 1600 x 1200
    with fake_training(engine, tmp_path, settings=MOST_GAUSSIANS.get(engine)) as training:
        promised = training.spec.min_vram_bytes
        if engine == "splats":
            cloud = training.trainer.cloud  # type: ignore[attr-defined]
            cloud.grow(cloud.most)
        training.step()
        assert 0.02 * promised < training.step().peak < promised
        with training.trainer.looking() as field:
            assert training.render(field).peak < promised
        if engine not in GAUSSIANS:  # Gaussians are shown by the CPU afterwards
            assert training.render(loaded(training)).peak < promised


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("engine", RAYS)
def test_memory_is_estimated_within_a_factor_of_two(engine: str, preset: str, tmp_path: Path) -> None:
    """Too low an estimate makes the first steps fail, too high a one divides them for nothing."""
    with fake_training(engine, tmp_path, free=200 * GIB, preset=preset) as training:
        assert training.settings["parts"] == 1
        training.step()
        before = training.usage.live
        measured = (training.step().peak - before) / training.settings["raysPerStep"]
        assert 0.5 < training.settings["bytesPerRay"] / measured < 2
        field = loaded(training)
        before = training.usage.live
        measured = (training.render(field).peak - before) / field.chunk
        assert isinstance(training.trainer, RayTrainer)
        assert 0.5 < training.trainer.bytes_per_rendered_ray / measured < 2


@pytest.mark.parametrize(
    ("engine", "most", "reckoned"),
    [("splats", "mostGaussians", BYTES_PER_GAUSSIAN), ("splatfacto", "randomPoints", bytes_per_gaussian(3))],
)
def test_memory_of_a_gaussian_is_estimated_within_a_factor_of_two(
    engine: str, most: str, reckoned: int, tmp_path: Path
) -> None:
    """Too low an estimate makes more than there is memory for, too high a one leaves memory unused."""
    peaks = []
    for count in (50_000, 100_000):
        with fake_training(engine, tmp_path, free=200 * GIB, settings={most: count, "harmonics": 3}) as training:
            if engine == "splats":
                training.trainer.cloud.grow(count)  # type: ignore[attr-defined]
            training.step()
            peaks.append(training.step().peak)
    measured = (peaks[1] - peaks[0]) / 50_000
    assert 0.5 < reckoned / measured < 2


def test_without_warp_the_estimates_are_those_of_nerfstudios_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("nerfacto.settings", "nerfacto.nerfacto_model", "rays.hash_encoding", "training.visual_hull"):
        monkeypatch.setattr(f"reconstruction_worker.engines.{module}.gpu_kernels_are_available", lambda: False)
    test_memory_is_estimated_within_a_factor_of_two("nerfacto", "Production", tmp_path)
    test_what_is_promised_to_be_enough_memory_is_enough("nerfacto", tmp_path)


@pytest.mark.parametrize(("engine", "free"), [("nerfacto", 4 * GIB), ("vanilla-nerf", 16 * GIB)])
def test_a_step_that_fits_is_not_divided(engine: str, free: int, tmp_path: Path) -> None:
    with fake_training(engine, tmp_path, free=free) as training:
        assert training.settings["parts"] == 1


def test_more_rays_are_rendered_at_once_the_more_memory_is_free(tmp_path: Path) -> None:
    chunks = []
    for free in (1, 2 * GIB, 6 * GIB, 80 * GIB):
        with fake_training("vanilla-nerf", tmp_path, free=free, settings={"parts": 8}) as training:
            chunks.append(loaded(training).chunk)
    assert chunks == sorted(set(chunks))
    assert (chunks[0], chunks[-1]) == (SMALLEST_CHUNK, CHUNK["cuda"])


@pytest.mark.parametrize("engine", RAYS)
def test_networks_work_in_half_precision(engine: str, tmp_path: Path) -> None:
    with fake_training(engine, tmp_path) as training:
        assert training.trainer.scaler.is_enabled()  # type: ignore[attr-defined]
        training.usage.product_types.clear()
        training.step()
        assert training.usage.product_types == {torch.float16}


@pytest.mark.parametrize("engine", METHODS)
def test_a_training_continues_from_its_state(engine: str, tmp_path: Path) -> None:
    with fake_training(engine, tmp_path) as training:
        for _ in range(2):
            training.step()
        trainer: Any = training.trainer
        if engine == "splatfacto":
            trainer.module.strategy.most = 12_345  # memory ran out
        state = trainer.state() | {"step": 2}
        again = training.again()
        again.restore(as_read(state))
        assert again.step == 2
        assert described(again.state()) == described(trainer.state())
        if engine in RAYS:
            assert state["scaler"]["scale"], "half precision continues with the scale that it has found"


@pytest.mark.parametrize("engine", [*RAYS, "splats"])
def test_a_training_from_a_cpu_continues_on_a_gpu(engine: str, tmp_path: Path) -> None:
    """Its optimisers there are others."""
    checkpoint = state_on_the_cpu(engine, tmp_path)
    with fake_training(engine, tmp_path, settings=checkpoint["settings"]) as training:
        training.trainer.restore(checkpoint)
        moments = moments_of(training.trainer)
        assert moments
        assert {tensor.device.type for tensor in moments} == {"cuda"}
        training.step()
        assert training.trainer.step == checkpoint["step"] + 1


@pytest.mark.parametrize("engine", [*RAYS, "splats"])
def test_a_training_from_a_gpu_continues_on_a_cpu(engine: str, tmp_path: Path) -> None:
    with fake_training(engine, tmp_path) as training:
        training.step()
        state = training.trainer.state() | {"step": 1}
        there = training.again("cpu")
        there.restore(state)
        assert there.step == 1
        moments = moments_of(there)
        assert len(moments) == len(moments_of(training.trainer)) > 0
        assert {tensor.device.type for tensor in moments} == {"cpu"}


def moments_of(trainer: Any) -> list[torch.Tensor]:
    """What optimisers remember of each number."""
    if isinstance(trainer, SplatsTrainer):
        state = trainer.cloud.state()
        return tensors_in([state[FIRST_MOMENTS], state[SECOND_MOMENTS]])
    states = [optimizer.state_dict() for optimizer in trainer.optimizers]
    return [tensor for tensor in tensors_in(states) if tensor.dim()]


def test_splats_that_do_not_fit_are_given_up_until_they_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_training("splats", tmp_path, settings={"mostGaussians": 10_000}) as training:
        trainer: Any = training.trainer
        trainer.cloud.grow(count := 8000)
        compare, tried = GsplatRasteriser.compare, []

        def with_little_memory(rasteriser: Any, gaussians: Any, *rest: Any) -> Any:
            tried.append(len(gaussians["means"]))
            found = compare(rasteriser, gaussians, *rest)
            if tried[-1] > 0.6 * count:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return found

        monkeypatch.setattr(GsplatRasteriser, "compare", with_little_memory)
        training.step()
        fewer = int(KEPT_SHARE * int(KEPT_SHARE * count))
        assert tried == [count, int(KEPT_SHARE * count), fewer]
        assert (trainer.cloud.count, trainer.cloud.most, trainer.step) == (fewer, fewer, 1)
        assert {tensor.device.type for tensor in training.held()} == {"cuda"}
        again: Any = training.again()
        again.restore(trainer.state() | {"step": 1})
        assert again.cloud.most == fewer, "there is no memory for more after a restart, either"


FAILING = {
    "nerfacto": (Nerfacto, "losses"),
    "vanilla-nerf": (VanillaNerf, "losses"),
    "splatfacto": (SplatTrainer, "_accumulate_gradients"),
    "splats": (GsplatRasteriser, "compare"),
}
"""What runs out of memory in a step."""


@pytest.mark.parametrize("engine", METHODS)
def test_what_torch_holds_in_reserve_is_given_back_before_a_second_try(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_training(engine, tmp_path, settings={"mostGaussians": 10_000}) as training:
        given_back = fails_once(monkeypatch, *FAILING[engine])
        if engine == "splats":
            training.trainer.cloud.grow(8000)  # type: ignore[attr-defined]
        training.step()
        assert (given_back[:2], given_back.count("given back")) == (["given back", "tried again"], 1)
        if engine in RAYS:
            with training.trainer.looking() as field:
                given_back = fails_once(monkeypatch, FAILING[engine][0], "colours")
                training.render(field)
                assert given_back[:2] == ["given back", "tried again"]


def test_a_picture_of_splats_that_does_not_fit_is_an_error_with_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of splatfacto while it trains, on the GPU; half of the Gaussians would show another picture."""
    place = "reconstruction_worker.engines.splatfacto.splat_field.rasterised"
    with fake_training("splatfacto", tmp_path, settings={"randomPoints": 2000}) as training:
        training.step()
        with training.trainer.looking() as field:
            monkeypatch.setattr(place, raising(torch.OutOfMemoryError("CUDA out of memory")))
            with pytest.raises(ReconstructionError, match="A picture of 128 x 128 pixels of 2000") as failure:
                training.render(field)
            monkeypatch.setattr(place, raising(RuntimeError("shapes do not match")))
            with pytest.raises(RuntimeError, match="shapes"):
                training.render(field)
    assert failure.value.code == "GPUOutOfMemory"
    assert failure.value.details["freeBytes"] > 0


def raising(error: Exception) -> Any:
    def raises(*_: Any) -> Any:
        raise error

    return raises


def fails_once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[str]:
    """The first call finds no memory. Returns what happens afterwards."""
    original, happened, failed = getattr(owner, name), [], []

    def failing(*arguments: Any) -> Any:
        if not failed:
            failed.append(True)
            raise torch.OutOfMemoryError("CUDA out of memory")
        happened.append("tried again")
        return original(*arguments)

    monkeypatch.setattr(owner, name, failing)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: happened.append("given back"))
    return happened


@pytest.mark.parametrize(("free", "place"), [(4 * GIB, "cuda"), (1000, "cpu")])
def test_photos_are_on_the_gpu_where_they_fit(free: int, place: str, tmp_path: Path) -> None:
    write_ball(tmp_path, views=6, size=40)
    with fake_training("nerfacto", tmp_path, free=free) as training:
        assert training.trainer.pixels.colours.device.type == place  # type: ignore[attr-defined]
        rays, colours = training.trainer.pixels.sample(64)  # type: ignore[attr-defined]
        assert {rays.origins.device.type, rays.cameras.device.type, colours.device.type} == {"cuda"}
    with fake_training("splatfacto", tmp_path, free=free, settings={"mostGaussians": 1000}) as training:
        assert {picture.device.type for picture in training.trainer.pictures} == {place}  # type: ignore[attr-defined]
    with fake_training("splats", tmp_path, free=free) as training:
        shown = [training.trainer.photos.at(index, small=False) for index in range(4)]  # type: ignore[attr-defined]
        assert {part.device.type for photo in shown for part in (photo.planes, photo.alpha)} == {place}


@pytest.mark.parametrize(("engine", "waits"), [("nerfacto", 0), ("splatfacto", 0), ("splats", 1)])
def test_photos_in_the_machines_memory_are_not_waited_for(engine: str, waits: int, tmp_path: Path) -> None:
    """splats waits for the loss, wherever photos are."""
    with fake_training(engine, tmp_path, free=1000, settings={"mostGaussians": 1000}) as training:
        training.step()
        assert sum(training.step().synchronisations.values()) == waits


def test_each_photo_of_a_step_counts_for_where_gaussians_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, counted = Refinement._update_state, []

    def noted(strategy: Any, params: Any, state: Any, info: Any, packed: bool = False) -> None:
        counted.append(info)
        update(strategy, params, state, info, packed)

    monkeypatch.setattr(Refinement, "_update_state", noted)
    with fake_training("splatfacto", tmp_path, settings={"photosPerStep": 3}) as training:
        training.step()
    assert len(counted) == 3
    assert len({id(info) for info in counted}) == 3, "each with what the rasteriser has said of it"


CALLS_OF_FORMER_STEP = 1161
"""Of nerfacto with nerfstudio's own implementations."""


def test_a_step_of_nerfacto_waits_for_nothing_and_has_few_operations(tmp_path: Path) -> None:
    with fake_training("nerfacto", tmp_path) as training:
        training.step()
        step = training.step()
        assert not step.synchronisations
        assert sum(step.calls.values()) <= 0.4 * CALLS_OF_FORMER_STEP, step.calls.most_common()


def test_a_step_of_splatfacto_has_few_operations_outside_of_gsplat(tmp_path: Path) -> None:
    """Photos are shown at a quarter of their size there, which takes one more."""
    write_ball(tmp_path, views=6, size=256)
    with fake_training("splatfacto", tmp_path) as training:
        training.step()
        step = training.step()
        assert not step.synchronisations
        assert sum(step.calls.values()) - step.calls["gsplat"] <= 120, step.calls.most_common()


def test_a_step_of_splats_waits_once_and_has_few_operations_outside_of_gsplat(tmp_path: Path) -> None:
    """For the loss, and for how bright the photo is."""
    with fake_training("splats", tmp_path) as training:
        training.step()
        step = training.step()
        assert sum(step.synchronisations.values()) == 1
        assert sum(step.calls.values()) - step.calls["gsplat"] <= 220, step.calls.most_common()


def loaded(training: Any) -> Any:
    """The field of a finished training, as the stages after it load it."""
    state = training.trainer.state() | {"settings": training.settings, "bounds": training.setup.bounds.state()}
    return training.method.field(state | {"step": training.trainer.step}, torch.device("cuda"))


def state_on_the_cpu(engine: str, workspace: Path) -> dict[str, Any]:
    """After two real steps."""
    write_ball(workspace, views=6, size=40)
    method = METHODS[engine]()
    setup = set_up(method, workspace, steps=10, raysPerStep=256)
    trainer = method.trainer(setup)
    for _ in range(2):
        trainer.train_step()
    return trainer.state() | {"step": 2, "settings": setup.settings}


def tensors_in(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [tensor for each in values for tensor in tensors_in(each)]


def as_read(state: Any) -> Any:
    """What a checkpoint's file gives: everything is on the processor."""
    if isinstance(state, torch.Tensor):
        return state.cpu()
    if isinstance(state, dict):
        return {name: as_read(each) for name, each in state.items()}
    return [as_read(each) for each in state] if isinstance(state, list) else state


def described(value: Any) -> Any:
    """The same with shapes, types and places instead of tensors."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), value.dtype, value.device.type
    if isinstance(value, dict):
        return {name: described(each) for name, each in value.items() if name != "random"}
    return [described(each) for each in value] if isinstance(value, list | tuple) else value
