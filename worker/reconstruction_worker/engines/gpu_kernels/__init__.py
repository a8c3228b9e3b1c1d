"""Kernels for GPUs in NVIDIA Warp, as operators of torch."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Final

from ..driver import newest_cuda

OLDEST_CUDA: Final = (13, 0)
"""What a driver must work with for Warp's wheels to find its GPUs, also where PyTorch is content with an older one."""


@cache
def gpu_kernels_are_available() -> bool:
    """Whether Warp is installed, and no driver says that it is too old for it. Otherwise libraries' own implementations
    are used on a GPU."""
    if find_spec("warp") is None:
        return False
    newest = newest_cuda()
    return newest is None or newest >= OLDEST_CUDA
