"""The hash encoding's kernels for GPUs, on the CPU; and compiled for every GPU."""

from __future__ import annotations

from pathlib import Path

import pynvml
import pytest
import torch
from nerfstudio.field_components.encodings import HashEncoding
from pynvml import NVML_ERROR_DRIVER_NOT_LOADED, NVMLError

from reconstruction_worker.engines import gpu_kernels
from reconstruction_worker.engines.gpu_kernels import launching
from reconstruction_worker.engines.gpu_kernels.launching import ARCHITECTURES, MODULES, compile_ahead, compiled_for
from reconstruction_worker.engines.rays import hash_encoding
from reconstruction_worker.engines.rays.hash_on_gpu import hash_encode
from reconstruction_worker.gpu_check.findings import Outcome
from reconstruction_worker.gpu_check.hash_check import check_hash_grids

from .fake_cuda import fake_cuda


def encoding(levels: int = 6, log2_size: int = 10) -> HashEncoding:
    torch.manual_seed(3)
    return HashEncoding(
        num_levels=levels, max_res=256, log2_hashmap_size=log2_size, hash_init_scale=1.0, implementation="torch"
    )


def points() -> torch.Tensor:
    """Random ones, and the corners and the centre of the unit cube."""
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0])] * 3)
    return torch.cat((torch.rand(2000, 3, generator=torch.Generator().manual_seed(1)), corners))


@pytest.mark.parametrize(("levels", "log2_size"), [(1, 4), (6, 10), (12, 17)])
def test_features_equal_those_of_the_cpu(levels: int, log2_size: int) -> None:
    module = encoding(levels, log2_size)
    on_cpu = hash_encoding.hash_encode(points(), module.hash_table, module.scalings.float(), torch.empty(0))
    torch.testing.assert_close(
        hash_encode(points(), module.hash_table, module.scalings.float()), on_cpu, rtol=0, atol=1e-5
    )


def test_gradients_equal_those_of_the_cpu() -> None:
    ours, reference = encoding(), encoding()
    weights = torch.randn(len(points()), 12, generator=torch.Generator().manual_seed(2))
    (hash_encode(points(), ours.hash_table, ours.scalings.float()) * weights).sum().backward()
    memory = torch.empty_like(reference.hash_table, requires_grad=False)
    features = hash_encoding.hash_encode(points(), reference.hash_table, reference.scalings.float(), memory)
    (features * weights).sum().backward()
    torch.testing.assert_close(ours.hash_table.grad, reference.hash_table.grad, rtol=1e-4, atol=1e-4)


def test_no_points_have_no_features() -> None:
    module = encoding()
    assert hash_encode(torch.zeros(0, 3), module.hash_table, module.scalings.float()).shape == (0, 12)


def test_a_model_on_a_gpu_uses_them_in_any_shape_of_batch() -> None:
    with fake_cuda() as usage:
        module = encoding().to("cuda")
        assert hash_encoding.accelerate(module, torch.device("cuda")) == 1
        usage.calls.clear()
        assert module(torch.rand(5, 7, 3, device="cuda")).shape == (5, 7, 12)
        assert usage.calls["hash_encode"] == 1
        assert sum(usage.calls.values()) <= 3


@pytest.mark.parametrize(
    ("driver", "works"),
    [(12040, False), (13000, True), (13020, True), (NVMLError(NVML_ERROR_DRIVER_NOT_LOADED), True)],
    ids=["of CUDA 12.4", "of CUDA 13.0", "of CUDA 13.2", "does not say"],
)
def test_kernels_are_left_alone_where_the_driver_is_too_old_for_warp(
    driver: int | Exception, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch for an older CUDA works with such a driver; Warp finds no GPU there."""

    def answer() -> int:
        if isinstance(driver, Exception):
            raise driver
        return driver

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlSystemGetCudaDriverVersion_v2", answer)
    gpu_kernels.gpu_kernels_are_available.cache_clear()
    try:
        assert gpu_kernels.gpu_kernels_are_available() is works
        with fake_cuda():
            assert hash_encoding.accelerate(encoding().to("cuda"), torch.device("cuda")) == int(works)
        found = next(iter(check_hash_grids(torch.device("cuda"), points=0))) if not works else None
        assert found is None or found.outcome is Outcome.SKIPPED
    finally:
        gpu_kernels.gpu_kernels_are_available.cache_clear()


def test_the_oldest_driver_is_the_one_that_warp_asks_for() -> None:
    import warp
    from warp._src import context

    warp.init()
    assert context.runtime.min_driver_version == gpu_kernels.OLDEST_CUDA


def test_the_operators_fit_torchs_rules() -> None:
    module = encoding(2, 4)
    torch.library.opcheck(
        hash_encode,
        (points()[:9], module.hash_table, module.scalings.float()),
        test_utils=("test_schema", "test_faketensor"),
    )


def test_the_kernels_are_compiled_for_every_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_ahead(ARCHITECTURES, tmp_path)
    monkeypatch.setattr(launching, "COMPILED", tmp_path)
    for name, kernels in zip(MODULES, ((b"encode", b"scatter"), (b"narrow", b"redistribute")), strict=True):
        for architecture in ARCHITECTURES:
            file = compiled_for(name, architecture)
            assert file is not None and all(kernel in file.read_bytes() for kernel in kernels)
        assert compiled_for(name, 70) is None


@pytest.mark.parametrize(
    ("arguments", "compiled"),
    [([], list(ARCHITECTURES)), (["8.0;9.0"], [80, 90]), (["8.6", "12.0+PTX"], [86, 120]), ([""], None)],
)
def test_an_image_names_its_architectures_as_torch_does(
    arguments: list[str], compiled: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(launching, "compile_ahead", lambda wanted: asked.append(list(wanted)))
    launching.main(arguments)
    assert asked == ([] if compiled is None else [compiled])
