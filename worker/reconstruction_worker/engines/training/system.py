"""What the machine is doing while a stage trains."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch


@dataclass(frozen=True)
class SystemNumbers:
    memory_bytes: int
    """Resident memory of this process."""
    cpu_percent: float
    """Of this process since the last sample; 100 is one core."""
    gpu_memory_bytes: int | None
    """Most that this process has had allocated."""
    gpu_percent: float | None
    """Share of time in which the GPU was at work; None where the driver does not say."""
    disk_free_bytes: int
    """Left in the workspace."""


class SystemSampler:
    """Takes samples; the first one's `cpu_percent` is zero."""

    def __init__(self, workspace: Path, device: torch.device):
        self._workspace = workspace
        self._on_gpu = device.type == "cuda"
        self._process = psutil.Process()

    def sample(self) -> SystemNumbers:
        return SystemNumbers(
            memory_bytes=self._process.memory_info().rss,
            cpu_percent=self._process.cpu_percent(),
            gpu_memory_bytes=torch.cuda.max_memory_allocated() if self._on_gpu else None,
            gpu_percent=_gpu_percent() if self._on_gpu else None,
            disk_free_bytes=shutil.disk_usage(self._workspace).free,
        )


def _gpu_percent() -> float | None:
    """None where the driver has no answer: it has none for a part of a GPU (MIG), nor where NVML is missing."""
    try:
        from pynvml import NVMLError
    except ImportError:
        return None
    try:
        return float(torch.cuda.utilization())
    except (NVMLError, ImportError, RuntimeError):
        return None
