"""Where training runs. What the machine has is found in `graphics`."""

from __future__ import annotations

import torch

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.training import Device

from ..graphics import gpu_is_promised
from ..registry import others_that
from .cuda import GIB, Graphics, found_graphics


def choose_device(wanted: Device, spec: EngineSpec) -> torch.device:
    """The device for `spec.training.device` on this machine. Raises GPUUnavailable when CUDA was asked for, is needed
    by the engine, or was given to this pod, and can't be used."""
    if wanted is Device.CPU:
        return _device(wanted, spec, None, promised=False)
    return _device(wanted, spec, found_graphics(), promised=gpu_is_promised())


def _device(wanted: Device, spec: EngineSpec, found: Graphics | None, *, promised: bool) -> torch.device:
    if found is None:
        if not spec.needs_gpu:
            return torch.device("cpu")
        raise ReconstructionError(
            "GPUUnavailable",
            f"spec.training.device is CPU, but the engine {spec.name} works on a GPU only.",
            suggestion=f"Clear the field, or choose {_without_gpu()}.",
        )
    if found.obstacle is not None:
        if wanted is Device.AUTO and not spec.needs_gpu and not promised:
            return torch.device("cpu")
        raise _unusable(_why(wanted, spec, promised), found, spec)
    if found.free_bytes < spec.min_vram_bytes:
        raise ReconstructionError(
            "GPUUnavailable",
            f"The engine {spec.name} needs {_gib(spec.min_vram_bytes)} of GPU memory; "
            f"{_gib(found.free_bytes)} of {_gib(found.total_bytes)} are free.",
            details={
                "freeBytes": found.free_bytes,
                "totalBytes": found.total_bytes,
                "neededBytes": spec.min_vram_bytes,
            },
        )
    if spec.min_capability is not None and found.capability < spec.min_capability:
        raise ReconstructionError(
            "GPUUnavailable",
            f"The engine {spec.name} needs a GPU of compute capability {_version(spec.min_capability)}; "
            f"{found.name} has {_version(found.capability)}.",
            suggestion=f"Use a profile with newer GPUs, or choose {_for_older(found.capability)}.",
        )
    return torch.device("cuda")


def _why(wanted: Device, spec: EngineSpec, promised: bool) -> str:
    """Why the CPU will not do."""
    if wanted is Device.CUDA:
        return "spec.training.device is CUDA"
    return f"The engine {spec.name} needs a GPU" if spec.needs_gpu else "This pod was given a GPU"


def _unusable(why: str, found: Graphics, spec: EngineSpec) -> ReconstructionError:
    without = f"choose {_without_gpu()}" if spec.needs_gpu else "set spec.training.device to CPU"
    return ReconstructionError(
        "GPUUnavailable",
        f"{why}, but PyTorch can't use one: {found.obstacle}",
        suggestion="Use nodes whose driver and GPU fit the worker's image (docs/gpu.md), or an image made for them; to "
        f"train without a GPU, {without}.",
        details={name: value for name, value in found.versions.items() if value is not None},
    )


def _without_gpu() -> str:
    return others_that(lambda other: not other.needs_gpu) or "an engine that needs none"


def _for_older(capability: tuple[int, int]) -> str:
    fitting = others_that(lambda other: other.min_capability is None or other.min_capability <= capability)
    return fitting or "another engine"


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"


def _version(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))
