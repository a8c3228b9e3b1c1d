"""How libraries say that an allocation failed. Most of them raise a RuntimeError, and only its message tells."""

from __future__ import annotations

from typing import Final

ON_GPU: Final = (
    "out of memory",  # torch ("CUDA out of memory"), the driver ("CUDA error: out of memory"), Warp
    "cudaErrorMemoryAllocation",  # the same by its name, from CUB and Thrust
    "STATUS_ALLOC_FAILED",  # cuBLAS, cuDNN, cuSOLVER, cuSPARSE
    "CUBLAS_STATUS_NOT_INITIALIZED",  # what a library says that has no room for its own state
    "CUDNN_STATUS_NOT_INITIALIZED",
    "CUSOLVER_STATUS_NOT_INITIALIZED",
    "on device 'cuda",  # Warp ("Failed to allocate 512 bytes on device 'cuda:0'")
)
ON_CPU: Final = (
    "can't allocate memory",  # torch
    "std::bad_alloc",  # C++ extensions
)


def failed_on_gpu(error: BaseException) -> bool:
    """Whether an allocation on a GPU failed."""
    # torch's class is told by name: importing torch to compare types would cost seconds in stages that never use it.
    if any(kind.__name__ == "OutOfMemoryError" and kind.__module__.startswith("torch") for kind in type(error).mro()):
        return True
    return isinstance(error, RuntimeError) and _says(error, ON_GPU) and not _says(error, ON_CPU)


def failed_on_cpu(error: BaseException) -> bool:
    """Whether an allocation of the machine's memory failed."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _says(error, ON_CPU))


def _says(error: BaseException, phrases: tuple[str, ...]) -> bool:
    message = str(error)
    return any(phrase in message for phrase in phrases)
