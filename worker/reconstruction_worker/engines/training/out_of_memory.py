"""What running out of memory looks like, and what is said about it."""

from __future__ import annotations

import psutil
import torch

from reconstruction_api.errors import ReconstructionError

from ... import memory
from ...allocation import failed_on_cpu, failed_on_gpu

DEVICE_SHARE = 0.25
"""Share of a GPU's free memory that the photos may take; larger sets stay in the machine's memory."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on whatever device."""
    return failed_on_gpu(error) or failed_on_cpu(error)


def free_bytes(device: torch.device) -> int:
    """Memory that this process may still take on a device, with what torch holds there in reserve."""
    if device.type == "cuda":
        reserve = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return torch.cuda.mem_get_info()[0] + reserve
    held = psutil.Process().memory_info().rss
    return max(0, min(memory.limit() - held, psutil.virtual_memory().available))


def exhausted(device: torch.device, what: str, **details: int) -> ReconstructionError:
    """The error for what does not fit, however small it was made. `what` is the first part of a sentence."""
    free = free_bytes(device)
    return ReconstructionError(
        "GPUOutOfMemory" if device.type == "cuda" else "HostOutOfMemory",
        f"{what}; {free / 2**30:.1f} GiB are free.",
        details={"freeBytes": free, **details},
    )


def parts_that_fit(rays: int, bytes_per_ray: int, free: int, wanted: int, smallest: int) -> int:
    """Parts in which to compute a step: at least `wanted`, more where the estimate exceeds half of the `free` bytes; no
    part is smaller than `smallest` rays unless wanted. A guess is enough: what does not fit is divided further."""
    parts = wanted
    while rays // parts * bytes_per_ray > free / 2 and rays // (2 * parts) >= smallest:
        parts *= 2
    return parts


def rays_that_fit(bytes_per_ray: int, free: int, smallest: int, largest: int) -> int:
    """How many rays to work on at once so that they take no more than half of the `free` bytes."""
    return max(smallest, min(largest, free // (2 * bytes_per_ray)))
