"""On what a training runs, and what is said where that is not what was meant."""

from __future__ import annotations

from dataclasses import replace

import pynvml
import pytest
import torch

from reconstruction_api.engines import ENGINES, EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_GPU, GPU_PROMISED
from reconstruction_api.training import Device
from reconstruction_worker.engines import graphics
from reconstruction_worker.engines.graphics import check_image, is_compiled, torch_is_for_cuda
from reconstruction_worker.engines.training.cuda import runs_on
from reconstruction_worker.engines.training.device import choose_device

NERFACTO, SPLATFACTO = ENGINES["nerfacto"], ENGINES["splatfacto"]
ARCHITECTURES = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]


def gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int] = (8, 6), free: int = 2**34, cuda: str | None = "13.2"
) -> None:
    """A card that works."""
    for name, answer in {
        "is_available": True,
        "mem_get_info": (free, 2**34),
        "get_device_capability": capability,
        "get_device_name": "Some GPU",
        "get_arch_list": ARCHITECTURES,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda answer=answer: answer)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    driver(monkeypatch, "580.95.05")


def no_gpu(monkeypatch: pytest.MonkeyPatch, said: str, version: str | None, cuda: str | None = "13.2") -> None:
    """PyTorch finds none, for the reason that it says."""

    def init() -> None:
        raise RuntimeError(said)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    driver(monkeypatch, version)


def driver(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    def answer() -> str:
        if version is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
        return version

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlSystemGetDriverVersion", answer)


TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 12040). Please update your GPU driver by downloading "
    "and installing a new version."
)


@pytest.mark.parametrize("spec", [NERFACTO, SPLATFACTO], ids=lambda spec: spec.name)
def test_a_gpu_that_works_is_used(spec: EngineSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch)
    assert choose_device(Device.AUTO, spec).type == "cuda"
    assert choose_device(Device.CUDA, spec).type == "cuda"


def test_without_one_training_is_on_the_cpu_where_that_was_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_GPU, raising=False)
    no_gpu(monkeypatch, "Found no NVIDIA driver on your system.", None)
    assert choose_device(Device.AUTO, NERFACTO).type == "cpu"
    assert choose_device(Device.CPU, NERFACTO).type == "cpu"


def test_a_pod_that_was_given_a_gpu_never_trains_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_GPU, GPU_PROMISED)
    no_gpu(monkeypatch, TOO_OLD, "550.54.15")
    with pytest.raises(ReconstructionError) as failure:
        choose_device(Device.AUTO, NERFACTO)
    assert failure.value.code == "GPUUnavailable"
    for words in ("This pod was given a GPU", "is too old (found version 12040)", "550.54.15", "580.65 or newer"):
        assert words in failure.value.message
    assert failure.value.details["driver"] == "550.54.15"
    assert choose_device(Device.CPU, NERFACTO).type == "cpu", "but where a CPU was asked for, it does"


@pytest.mark.parametrize(
    ("wanted", "spec", "words"),
    [
        (Device.CUDA, NERFACTO, "spec.training.device is CUDA"),
        (Device.AUTO, SPLATFACTO, "The engine splatfacto needs a GPU"),
    ],
)
def test_who_needs_a_gpu_is_told_why_there_is_none(
    wanted: Device, spec: EngineSpec, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_gpu(monkeypatch, "Found no NVIDIA driver on your system. Please check.", None)
    with pytest.raises(ReconstructionError, match=f"{words}.*Found no NVIDIA driver.*No driver answers") as failure:
        choose_device(wanted, spec)
    assert failure.value.code == "GPUUnavailable"


def test_an_image_without_cuda_is_named_as_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    no_gpu(monkeypatch, "Torch not compiled with CUDA enabled", "580.95.05", cuda=None)
    with pytest.raises(ReconstructionError, match="PyTorch is built for CPUs only"):
        choose_device(Device.CUDA, NERFACTO)


def test_a_card_that_the_build_has_no_kernels_for_is_refused_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch, capability=(6, 1))
    monkeypatch.setenv(ENV_GPU, GPU_PROMISED)
    with pytest.raises(ReconstructionError, match=r"Some GPU has compute capability 6\.1.*sm_75") as failure:
        choose_device(Device.AUTO, NERFACTO)
    assert failure.value.code == "GPUUnavailable"
    monkeypatch.delenv(ENV_GPU)
    assert choose_device(Device.AUTO, NERFACTO).type == "cpu"


@pytest.mark.parametrize(
    ("capability", "built_for", "runs"),
    [
        ((8, 0), ["sm_80"], True),
        ((8, 9), ["sm_80", "sm_86"], True),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80"], False),
        ((9, 0), ["sm_80", "compute_80"], True),
        ((7, 0), ["sm_75", "compute_75"], False),
        ((9, 0), ["sm_90a"], True),
        ((10, 0), ["sm_90a"], False),
        ((12, 1), ["sm_120"], True),
        ((8, 0), [], False),
    ],
)
def test_code_runs_on_its_own_generation_of_cards(
    capability: tuple[int, int], built_for: list[str], runs: bool
) -> None:
    assert runs_on(capability, built_for) is runs


def test_an_engine_that_needs_a_newer_card_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch, capability=(7, 5))
    with pytest.raises(ReconstructionError, match=r"compute capability 8\.0; Some GPU has 7\.5") as failure:
        choose_device(Device.AUTO, replace(SPLATFACTO, min_capability=(8, 0)))
    assert failure.value.code == "GPUUnavailable"


def test_too_little_free_memory_is_said_with_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch, free=2**30)
    with pytest.raises(ReconstructionError, match=r"needs 4\.0 GiB .* 1\.0 GiB of 16\.0 GiB are free"):
        choose_device(Device.AUTO, NERFACTO)


@pytest.mark.parametrize(
    ("device", "engine", "promised", "refused"),
    [
        (Device.AUTO, NERFACTO, True, True),
        (Device.CUDA, NERFACTO, False, True),
        (Device.AUTO, SPLATFACTO, False, True),
        (Device.AUTO, NERFACTO, False, False),
        (Device.CPU, NERFACTO, True, False),
    ],
)
def test_an_image_for_cpus_refuses_what_is_for_a_gpu(
    device: Device, engine: EngineSpec, promised: bool, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphics, "torch_is_for_cuda", lambda: False)
    monkeypatch.setattr(graphics, "is_compiled", lambda module: True)
    if not refused:
        return check_image(device, engine, promised=promised)
    with pytest.raises(ReconstructionError, match="built for CPUs only") as failure:
        check_image(device, engine, promised=promised)
    assert failure.value.code == "GPUUnavailable"


def test_an_image_without_an_engines_kernels_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "is_compiled", lambda module: False)
    with pytest.raises(ReconstructionError, match="gsplat's CUDA code") as failure:
        check_image(Device.AUTO, SPLATFACTO, promised=True)
    assert (failure.value.code, failure.value.details["missing"]) == ("EngineUnavailable", "gsplat.csrc")
    assert "device to CPU" not in failure.value.suggestion
    check_image(Device.AUTO, NERFACTO, promised=True)


def test_what_trains_on_a_cpu_too_is_refused_for_a_gpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "is_compiled", lambda module: False)
    splats = ENGINES["splats"]
    for device, promised in ((Device.AUTO, True), (Device.CUDA, False)):
        with pytest.raises(ReconstructionError, match="gsplat's CUDA code") as failure:
            check_image(device, splats, promised=promised)
        assert failure.value.code == "EngineUnavailable"
        assert "set spec.training.device to CPU" in failure.value.suggestion
    check_image(Device.AUTO, splats, promised=False)
    check_image(Device.CPU, splats, promised=True)


def test_on_a_gpu_without_compiled_kernels_splats_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    from reconstruction_worker.engines.splats.method import SplatsMethod

    monkeypatch.setattr("gsplat.cuda._backend._C", None)
    with pytest.raises(ReconstructionError, match="splats needs gsplat's CUDA code") as failure:
        SplatsMethod().check(torch.device("cuda"))
    assert (failure.value.code, "set spec.training.device to CPU" in failure.value.suggestion) == (
        "EngineUnavailable", True,
    )  # fmt: skip
    SplatsMethod().check(torch.device("cpu"))


def test_what_is_installed_here_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "COMPILER", "no-such-compiler")
    assert torch_is_for_cuda() is (torch.version.cuda is not None)
    assert is_compiled("numpy._core._multiarray_umath") is False, "modules of packages only, not of their parts"
    assert is_compiled("torch._C")
    assert not is_compiled("torch.no_such_module")
    assert not is_compiled("no_such_package.anything")
