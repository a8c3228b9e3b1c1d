"""Where training runs."""

from __future__ import annotations

import torch

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import Device

from ..base import EngineSpec


def choose_device(wanted: Device, spec: EngineSpec) -> torch.device:
    """The device for `spec.training.device`; raises GPUUnavailable when CUDA was asked for, or is needed by the engine,
    and there is none with enough free memory."""
    if wanted is Device.CPU:
        if not spec.needs_gpu:
            return torch.device("cpu")
        raise ReconstructionError(
            "GPUUnavailable", f"spec.training.device is CPU, but the engine {spec.name} works on a GPU only."
        )
    if not torch.cuda.is_available():
        if wanted is Device.AUTO and not spec.needs_gpu:
            return torch.device("cpu")
        reason = "spec.training.device is CUDA" if wanted is Device.CUDA else f"the engine {spec.name} needs a GPU"
        raise ReconstructionError("GPUUnavailable", f"{reason}, but no CUDA device was found.")
    free, total = torch.cuda.mem_get_info()
    if free < spec.min_vram_bytes:
        raise ReconstructionError(
            "GPUUnavailable",
            f"The engine {spec.name} needs {_gib(spec.min_vram_bytes)} of GPU memory; "
            f"{_gib(free)} of {_gib(total)} are free.",
            details={"freeBytes": free, "totalBytes": total, "neededBytes": spec.min_vram_bytes},
        )
    capability = torch.cuda.get_device_capability()
    if spec.min_capability is not None and capability < spec.min_capability:
        raise ReconstructionError(
            "GPUUnavailable",
            f"The engine {spec.name} needs a GPU of compute capability {_version(spec.min_capability)}; "
            f"{torch.cuda.get_device_name()} has {_version(capability)}.",
            suggestion="Use a profile with newer GPUs, or choose another engine.",
        )
    return torch.device("cuda")


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _version(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))
