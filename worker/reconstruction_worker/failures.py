"""What an exception, or the way a process died, means to a user."""

from __future__ import annotations

import signal
from pathlib import Path

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName

from .allocation import failed_on_cpu, failed_on_gpu
from .disk_space import is_full, says_full

_BLAMED_ON_INPUT = frozenset({"ImageCorrupt", "PoseEstimationFailed", "LowRegistration", "ExportFailed", "EmptyMesh"})
"""Codes that say the photos are at fault, which a library that could not write looks like too."""
_NO_KERNELS = (
    "no kernel image is available",  # cudaErrorNoKernelImageForDevice
    "cudaErrorNoKernelImageForDevice",  # the same by its name, from CUB
    "PTX was compiled with an unsupported toolchain",  # cudaErrorUnsupportedPtxVersion: the driver is too old for it
)
"""How CUDA says that what it should run was compiled for GPUs of other kinds."""
_NATIVE_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL})
_LIKELY_OUT_OF_MEMORY = 0.5
"""Share of the memory limit above which a SIGKILL nobody here sent is taken for the kernel's out-of-memory killer."""


def from_exception(exception: BaseException, stage: StageName, workspace: Path | None = None) -> ReconstructionError:
    """The catalogue's view of any exception; what is not in the catalogue is a defect (its traceback is in the log).
    With a full `workspace` what looks like the photos' fault is the disk's."""
    full = workspace is not None and is_full(workspace)
    if isinstance(exception, ReconstructionError):
        return _disk_full(stage) if full and exception.code in _BLAMED_ON_INPUT else exception
    if failed_on_cpu(exception):
        return ReconstructionError("HostOutOfMemory", f"Stage {stage} could not get the memory it asked for.")
    if failed_on_gpu(exception):
        return ReconstructionError("GPUOutOfMemory", f"Stage {stage} exhausted the memory of the GPU.")
    if _has_no_kernels_for_gpu(exception):
        return ReconstructionError(
            "GPUUnavailable",
            f"Stage {stage} needs kernels that this image has for other GPUs only: {_first_line(exception)}.",
            suggestion="Use a profile with other GPUs, or an image made with this one's compute capability among its "
            "CUDA_ARCHITECTURES (docs/gpu.md).",
        )
    if full or says_full(exception):
        return _disk_full(stage)
    return ReconstructionError(
        "InternalError", f"Stage {stage} failed unexpectedly.", details={"exception": type(exception).__name__}
    )


def _has_no_kernels_for_gpu(exception: BaseException) -> bool:
    """Whether a library was compiled for GPUs of other kinds than this machine's. PyTorch's own kernels are looked at
    before a training begins; what those of other libraries were compiled for only CUDA knows."""
    return isinstance(exception, RuntimeError) and any(words in str(exception) for words in _NO_KERNELS)


def _first_line(exception: BaseException) -> str:
    return str(exception).strip().split("\n")[0].rstrip(".")


def _disk_full(stage: StageName) -> ReconstructionError:
    return ReconstructionError("DiskFull", f"Stage {stage} could not write its result: no space left.")


def from_exit(
    stage: StageName,
    status: int,
    *,
    peak_memory: int,
    memory_limit: int | None,
    oom_killed: bool,
    workspace: Path | None = None,
) -> ReconstructionError:
    """Why a stage's process ended without a word. `status` is its return code, negative for a signal; bytes."""
    if status == -signal.SIGKILL:
        near_limit = memory_limit is None or peak_memory >= _LIKELY_OUT_OF_MEMORY * memory_limit
        if oom_killed or near_limit:
            return ReconstructionError(
                "HostOutOfMemory",
                f"Stage {stage} was killed by the system while it held {peak_memory / 2**20:.0f} MiB of memory.",
                details={Metric.PEAK_MEMORY_BYTES: peak_memory, "memoryLimitBytes": memory_limit},
            )
        return ReconstructionError("InternalError", f"The process of stage {stage} was killed by another process.")
    if workspace is not None and is_full(workspace):
        return _disk_full(stage)
    if -status in _NATIVE_CRASHES:
        name = signal.Signals(-status).name
        if stage is StageName.POSES:
            # pycolmap aborts the interpreter on photos it cannot handle.
            return ReconstructionError(
                "PoseEstimationFailed",
                "Structure from motion crashed on these photos.",
                details={"signal": name},
            )
        if stage is StageName.INGEST:
            # Decoders are native code too, and what they are given comes from anywhere.
            return ReconstructionError(
                "ImageCorrupt",
                "A photo or video of the source crashed its decoder.",
                suggestion="Look at the stage's log for the last file, and export it again.",
                details={"signal": name},
            )
        return ReconstructionError("InternalError", f"Stage {stage} crashed.", details={"signal": name})
    return ReconstructionError(
        "InternalError", f"The process of stage {stage} ended without a result.", details={"exitStatus": status}
    )
