"""What NVIDIA's driver says of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def driver_version() -> str | None:
    """Such as `580.95.05`; None where it does not say."""
    answer = _asked(lambda nvml: nvml.nvmlSystemGetDriverVersion())
    return None if answer is None else str(answer)


def newest_cuda() -> tuple[int, int] | None:
    """The newest CUDA that the driver works with, such as (13, 2); None where it does not say."""
    answer = _asked(lambda nvml: nvml.nvmlSystemGetCudaDriverVersion_v2())
    return None if answer is None else (answer // 1000, answer % 1000 // 10)


def memory_used() -> int | None:
    """Bytes of all GPUs that are visible here, by any process; None where there are none, or the driver does not
    say."""

    def total(nvml: Any) -> int:
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        return sum(int(nvml.nvmlDeviceGetMemoryInfo(handle).used) for handle in handles)

    return _asked(total)


def _asked(question: Callable[[Any], Any]) -> Any:
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        try:
            return question(pynvml)
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return None
