"""A training step that does not fit into memory, pretended: allocations fail for more than so many rays."""

from __future__ import annotations

import json
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_worker.engines.nerfacto.nerfacto_model import Nerfacto
from reconstruction_worker.engines.rays.radiance_field import RadianceField
from reconstruction_worker.engines.rays.ray_model import RayModel
from reconstruction_worker.engines.registry import engine
from reconstruction_worker.engines.training.checkpoint_store import load_checkpoint
from reconstruction_worker.engines.training.out_of_memory import is_out_of_memory, parts_that_fit
from reconstruction_worker.engines.training.posed_photos import PosedPhoto
from reconstruction_worker.engines.vanilla_nerf.nerf_model import VanillaNerf
from reconstruction_worker.failures import from_exception
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.stages import train
from tests.worker.engines.tiny_scene import context, look_at_origin, write_ball

TRAINING = {"steps": 5, "device": "CPU", "raysPerStep": 1024, "checkpointEverySteps": 10}


MODELS: dict[str, type[RayModel]] = {"nerfacto": Nerfacto, "vanilla-nerf": VanillaNerf}


def at_most(
    monkeypatch: pytest.MonkeyPatch, rays: int, error: Exception, model: type[RayModel] = Nerfacto
) -> list[int]:
    """Memory for so many rays at once; returns the sizes that were tried."""
    original, tried = model.losses, []

    def losses(model: RayModel, batch: Any, pixels: Any) -> Any:
        tried.append(len(batch))
        result = original(model, batch, pixels)
        if len(batch) > rays:
            raise error
        return result

    monkeypatch.setattr(model, "losses", losses)
    return tried


@pytest.mark.parametrize(
    "error",
    [torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
    ids=["CUDA", "CPU"],
)
def test_a_step_that_does_not_fit_is_computed_in_parts_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    write_ball(tmp_path, views=6, size=24)
    tried = at_most(monkeypatch, 300, error)
    train.run(context(tmp_path, training=TRAINING))
    assert tried[:3] == [1024, 512, 256]
    assert set(tried[3:]) == {256}
    assert len(tried) == 2 + 5 * 4, "each step has all of its rays, and none was tried in larger parts again"
    assert load_checkpoint(tmp_path / "train" / "checkpoints" / "step-000005.ckpt")["parts"] == 4
    history = [json.loads(line) for line in (tmp_path / "train" / "history.jsonl").read_text().splitlines()]
    assert history[-1]["step"] == 5


@pytest.mark.parametrize("engine", MODELS)
def test_what_does_not_even_fit_in_small_parts_is_an_error_with_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    write_ball(tmp_path, views=4, size=16)
    tried = at_most(monkeypatch, 10, MemoryError(), MODELS[engine])
    with pytest.raises(ReconstructionError) as failure:
        train.run(context(tmp_path, engine=engine, training=TRAINING))
    assert tried == [1024, 512, 256]
    assert failure.value.code == "HostOutOfMemory"
    assert failure.value.details["parts"] == 4
    assert failure.value.details["freeBytes"] > 0


MESSAGES = [
    "CUDA out of memory. Tried to allocate 20.00 GiB.",
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "radix_sort: failed on 1st step: cudaErrorMemoryAllocation: out of memory",
    "parallel_for failed: cudaErrorMemoryAllocation",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
    "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
    "cusolver error: CUSOLVER_STATUS_NOT_INITIALIZED, when calling `cusolverDnCreate(handle)`",
    "Failed to allocate 512 bytes on device 'cuda:0'",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_every_phrase_by_which_a_gpu_says_it_is_known(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))
    assert from_exception(RuntimeError(message), StageName.EVALUATE).code == "GPUOutOfMemory"


def test_the_processors_memory_is_told_apart_from_a_gpus() -> None:
    error = RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory")
    assert from_exception(error, StageName.EVALUATE).code == "HostOutOfMemory"
    assert from_exception(RuntimeError("shapes do not match"), StageName.EVALUATE).code == "InternalError"


def test_rendering_goes_on_with_fewer_rays_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    field, camera = trained(tmp_path), Camera(look_at_origin(0.3, 0.2), 60, 60, 32, 32, 64, 64)
    whole = field.render(camera)
    tried = rendering_at_most(monkeypatch, 300)
    field.chunk = 2048
    again = field.render(camera)
    assert max(tried) > 300
    assert field.chunk == 256
    assert np.abs(again.rgb - whole.rgb).max() < 1e-4
    assert np.array_equal(again.alpha > 0.5, whole.alpha > 0.5)


def test_rendering_that_does_not_even_fit_in_small_parts_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = trained(tmp_path)
    rendering_at_most(monkeypatch, 1)
    with pytest.raises(ReconstructionError, match="not even 256 rays") as failure:
        field.render(Camera(look_at_origin(0.3, 0.2), 60, 60, 32, 32, 64, 64))
    assert failure.value.code == "HostOutOfMemory"
    assert failure.value.details["freeBytes"] > 0


def trained(workspace: Path) -> RadianceField:
    write_ball(workspace, views=4, size=16)
    train.run(context(workspace, training={**TRAINING, "steps": 2}))
    field = engine("nerfacto").load(workspace / "train", workspace, "cpu")
    assert isinstance(field, RadianceField)
    return field


def rendering_at_most(monkeypatch: pytest.MonkeyPatch, rays: int) -> list[int]:
    """Memory for so many rays at once; returns the sizes that were tried."""
    original, tried = Nerfacto.colours, []

    def colours(model: Nerfacto, batch: Any) -> Any:
        tried.append(len(batch))
        if len(batch) > rays:
            raise RuntimeError("CUDA error: out of memory")
        return original(model, batch)

    monkeypatch.setattr(Nerfacto, "colours", colours)
    return tried


def test_another_error_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ball(tmp_path, views=4, size=16)
    at_most(monkeypatch, 10, RuntimeError("shapes do not match"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        train.run(context(tmp_path, training=TRAINING))


def test_the_parts_that_were_asked_for_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ball(tmp_path, views=4, size=16)
    tried = at_most(monkeypatch, 10_000, MemoryError())
    train.run(context(tmp_path, training={**TRAINING, "steps": 2, "gradientAccumulation": 3}))
    assert tried == [342, 341, 341] * 2


@pytest.mark.parametrize(
    ("free", "wanted", "parts"),
    [(1 << 40, 1, 1), (1 << 40, 3, 3), (1024 * 1000, 1, 2), (1, 1, 4), (1, 8, 8)],
    ids=["plenty", "as asked", "half", "no smaller than useful", "asked for smaller ones"],
)
def test_a_step_is_divided_where_it_is_expected_not_to_fit(free: int, wanted: int, parts: int) -> None:
    assert parts_that_fit(1024, 1000, free, wanted, 256) == parts


@pytest.mark.parametrize(("alpha", "bytes_per_pixel"), [(True, 16), (False, 6)])
def test_photos_that_can_not_fit_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alpha: bool, bytes_per_pixel: int
) -> None:
    write_ball(tmp_path, views=5, size=16, alpha=alpha)
    needed = 4 * 16 * 16 * bytes_per_pixel  # one is held out
    read, free = pictures_read(monkeypatch), [needed - 1, needed]
    monkeypatch.setattr("reconstruction_worker.engines.training.memory_check.free_bytes", lambda device: free.pop(0))
    stage = context(tmp_path, training=TRAINING | {"steps": 1})
    with pytest.raises(ReconstructionError, match="4 photos") as failure:
        train.run(stage)
    assert failure.value.code == "HostOutOfMemory"
    assert read == []
    train.run(stage)
    assert len(read) == 5


def test_the_pictures_themselves_are_not_kept_beside_the_trainers_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ball(tmp_path, views=5, size=16)
    read, kept = pictures_read(monkeypatch), []
    stage = context(tmp_path, training=TRAINING)
    train.run(replace(stage, report=lambda progress: kept.append(sum(picture() is not None for picture in read))))
    assert len(read) == 5
    assert kept[-1] == 0


def pictures_read(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Any]]:
    """Those that are read from now on."""
    original, read = PosedPhoto.pixels, []

    def pixels(photo: PosedPhoto) -> Any:
        picture = original(photo)
        read.append(weakref.ref(picture))
        return picture

    monkeypatch.setattr(PosedPhoto, "pixels", pixels)
    return read
