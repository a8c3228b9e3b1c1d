"""Kernels for GPUs in NVIDIA Warp, as operators of torch."""

from __future__ import annotations

from importlib.util import find_spec


def gpu_kernels_are_available() -> bool:
    """Whether Warp is installed, without which libraries' own implementations are used on a GPU."""
    return find_spec("warp") is not None
