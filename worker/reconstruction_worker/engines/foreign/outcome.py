"""What the end of a foreign program means: by its exit status and its last words."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from typing import Final

from reconstruction_api.errors import ReconstructionError

_MEANINGS: Final = (
    (r"CUDA out of memory|OutOfMemoryError|cudaErrorMemoryAllocation", "GPUOutOfMemory", "ran out of GPU memory"),
    (r"No space left on device", "DiskFull", "could not write its result: no space left"),
    (r"No module named '([\w.]+)'", "EngineUnavailable", "is not installed completely: {0} is missing"),
    (r"cannot import name|undefined symbol", "EngineUnavailable", "is not installed completely"),
    (r"eglInitialize|EGL_|eglGetDisplay", "GPUUnavailable", "found no graphics driver: the container needs the driver "
     "capability `graphics` (NVIDIA_DRIVER_CAPABILITIES)"),
    (r"no kernel image is available", "GPUUnavailable", "was built for other GPUs"),
    (r"CUDA driver|No CUDA GPUs|CUDA is not available", "GPUUnavailable", "found no usable GPU"),
    (r"Error\(s\) in loading state_dict|SafetensorError", "WeightsUnavailable", "can't use its weights: they are not "
     "those of its network"),
    (r"MemoryError|Cannot allocate memory", "HostOutOfMemory", "ran out of memory"),
)  # fmt: skip
"""Patterns of output, the latest line first; code; what is said of the engine."""


def failure_of(engine: str, status: int, last: Sequence[str]) -> ReconstructionError:
    """`status` is the program's return code, negative for a signal; `last` are the last lines of its output."""
    for line in reversed(last):
        for pattern, code, meaning in _MEANINGS:
            if found := re.search(pattern, line):
                said = meaning.format(*found.groups())
                return ReconstructionError(code, f"The engine {engine} {said}.", details={"engine": engine})
    if status == -signal.SIGKILL:
        return ReconstructionError(
            "HostOutOfMemory", f"The engine {engine} was killed by the system.", details={"engine": engine}
        )
    words = next((line.strip() for line in reversed(last) if line.strip()), "nothing")
    return ReconstructionError(
        "InternalError",
        f"The engine {engine} ended with status {status}; its last line was: {words[:300]}",
        suggestion="The stage's log has what the engine printed.",
        details={"engine": engine, "exitStatus": status},
    )
