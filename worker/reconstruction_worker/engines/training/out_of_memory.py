"""What running out of memory looks like, and what is said about it."""

from __future__ import annotations

import psutil
import torch

from reconstruction_api.errors import ReconstructionError

from ... import memory

_CPU_ALLOCATOR = "can't allocate memory"
"""In the message of the RuntimeError that torch raises for the CPU."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on whatever device."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and _CPU_ALLOCATOR in str(error)


def free_bytes(device: torch.device) -> int:
    """Memory that this process may still take on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info()[0]
    held = psutil.Process().memory_info().rss
    return max(0, min(memory.limit() - held, psutil.virtual_memory().available))


def exhausted(device: torch.device, parts: int) -> ReconstructionError:
    """The error for a step that does not fit, divided as far as is sensible."""
    free = free_bytes(device)
    return ReconstructionError(
        "GPUOutOfMemory" if device.type == "cuda" else "HostOutOfMemory",
        f"A training step does not fit into memory, even in {parts} parts; {free / 2**30:.1f} GiB are free.",
        details={"freeBytes": free, "parts": parts},
    )


def parts_that_fit(rays: int, bytes_per_ray: int, free: int, wanted: int, smallest: int) -> int:
    """Parts in which to compute a step: at least `wanted`, more where the estimate exceeds half of the `free` bytes; no
    part is smaller than `smallest` rays unless wanted. A guess is enough: what does not fit is divided further."""
    parts = wanted
    while rays // parts * bytes_per_ray > free / 2 and rays // (2 * parts) >= smallest:
        parts *= 2
    return parts
