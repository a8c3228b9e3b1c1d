"""The device itself: needs PyTorch alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..engines.driver import driver_version
from ..engines.training.cuda import GIB, found_graphics
from .findings import Finding, judged


def check_device(device: torch.device) -> Iterator[Finding]:
    """What it is, and whether it adds up."""
    if device.type == "cuda":
        found = found_graphics()
        versions = f"driver {driver_version()}, PyTorch {torch.__version__} for CUDA {torch.version.cuda}"
        if found.obstacle is not None:
            yield judged("device", False, f"{found.obstacle} {versions}")
            return
        memory = f"{found.free_bytes / GIB:.1f} of {found.total_bytes / GIB:.1f} GiB free"
        capability = ".".join(map(str, found.capability))
        yield judged("device", True, f"{found.name}, compute capability {capability}, {memory}, {versions}")
    a, b = torch.rand(2, 256, 256, generator=torch.Generator().manual_seed(0)).unbind()
    error = float((a @ b - (a.to(device) @ b.to(device)).cpu()).abs().max())
    yield judged("matrix product against the CPU's", error < 0.1, f"largest difference {error:.1e}")
