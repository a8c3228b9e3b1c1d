"""Starts kernels written in NVIDIA Warp with tensors of torch, and finds those that were compiled ahead.

The modules with kernels are compiled ahead for the architectures of an image (`python -m
reconstruction_worker.engines.gpu_kernels.launching "8.0;9.0"`); on another one Warp compiles them when they are first
used, which takes about two seconds and needs no compiler.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import torch
from torch import Tensor

MODULES: Final = ("hash_kernels", "sampling_kernels")
"""Those of this package that have kernels; imported on first use, for Warp's import takes a second."""
ARCHITECTURES: Final = (75, 80, 86, 89, 90, 100, 120)
"""Compute capabilities, times ten, that they are compiled ahead for: those of torch's wheels."""
COMPILED: Final = Path(__file__).parent / "compiled_kernels"


def launch(module: str, kernel: str, size: tuple[int, ...], *arguments: Any) -> None:
    """Run a kernel of a module in `size` threads, after what torch has given to the GPU before. Tensors are passed as
    what `array_of` makes of them; one of them at least is there."""
    if 0 in size:
        return
    warp, device = _warp(), next(each for each in arguments if isinstance(each, Tensor)).device
    _load(module, device)
    passed = [array_of(value) if isinstance(value, Tensor) else value for value in arguments]
    stream = warp.stream_from_torch(device) if device.type == "cuda" else None
    where = warp.device_from_torch(device)
    warp.launch(getattr(kernels(module), kernel), size, passed, device=where, stream=stream)


def array_of(tensor: Tensor) -> Any:
    """A view as kernels take it: of float32, the last axis is a vector of two or three where it has that length and is
    not the only one. Other types stay as they are."""
    warp = _warp()
    if tensor.dtype is torch.float64 or tensor.dtype is torch.float16:
        raise TypeError(f"kernels take float32, not {tensor.dtype}")
    vectors = {2: warp.vec2, 3: warp.vec3}
    is_vector = tensor.dtype is torch.float32 and tensor.dim() > 1
    dtype = vectors.get(tensor.shape[-1]) if is_vector else None
    return warp.from_torch(tensor.detach(), dtype=dtype, return_ctype=True)


def compile_ahead(architectures: Sequence[int], folder: Path = COMPILED) -> list[Path]:
    """Compile all kernels into `folder`, without a GPU; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted, found = list(architectures), []
    for name in MODULES:
        found += _warp().compile_aot_module(
            kernels(name), arch=wanted, module_dir=folder, use_ptx=False, strip_hash=True
        )
    return found


def compiled_for(module: str, architecture: int) -> Path | None:
    """The file with a module's kernels for an architecture, where they were compiled ahead for it."""
    file = COMPILED / f"wp_{kernels(module).__name__}.sm{architecture}.cubin"
    return file if file.exists() else None


@cache
def kernels(module: str) -> ModuleType:
    """The module."""
    _warp()
    return import_module(f".{module}", __package__)


@cache
def _load(module: str, device: torch.device) -> None:
    """Take the kernels that were compiled ahead for this GPU, if there are any."""
    if device.type != "cuda":
        return
    major, minor = torch.cuda.get_device_capability(device)
    architecture = 10 * major + minor
    if compiled_for(module, architecture) is not None:
        warp = _warp()
        where = warp.device_from_torch(device)
        warp.load_aot_module(
            kernels(module), device=where, arch=architecture, module_dir=COMPILED, use_ptx=False, strip_hash=True
        )


@cache
def _warp() -> ModuleType:
    import warp

    warp.config.log_level = warp.LOG_ERROR
    warp.init()
    return warp


def main(arguments: Sequence[str]) -> None:
    """Compile for architectures written as torch has them (`8.0;9.0`); without an argument for those of its wheels."""
    named = [name for argument in arguments for name in argument.split(";") if name]
    wanted = [int(name.removesuffix("+PTX").replace(".", "")) for name in named] if arguments else ARCHITECTURES
    if wanted:
        compile_ahead(wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
