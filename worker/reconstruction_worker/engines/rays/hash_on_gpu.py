"""The hash encoding (see `hash_encoding`) on a GPU: two operators of torch, `reconstruction::hash_encode` and its
gradient `reconstruction::hash_scatter`, one kernel each. They work on the CPU too, for tests.

The kernels are compiled ahead for the architectures of an image (`python -m
reconstruction_worker.engines.rays.hash_on_gpu "8.0;9.0"`); on another one Warp compiles them when they are first used,
which takes about two seconds and needs no compiler.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import torch
from torch import Tensor

from .hash_encoding import FEATURES

ARCHITECTURES: Final = (75, 80, 86, 89, 90, 100, 120)
"""Compute capabilities, times ten, that the kernels are compiled ahead for: those of torch's wheels."""
COMPILED: Final = Path(__file__).parent / "compiled_kernels"


@torch.library.custom_op("reconstruction::hash_encode", mutates_args=())
def hash_encode(points: Tensor, table: Tensor, scales: Tensor) -> Tensor:
    """Features [N, L * 2] of points [N, 3] in [0, 1]; `table` [L * T, 2] with T a power of two, `scales` [L] cells a
    side; all contiguous float32 on one device. There is no gradient by position or scale."""
    count, levels = len(points), len(scales)
    features = points.new_empty(count, levels, FEATURES)
    _launch("encode", levels, points, table, scales, len(table) // levels, features)
    return features.view(count, levels * FEATURES)


@torch.library.custom_op("reconstruction::hash_scatter", mutates_args=())
def hash_scatter(points: Tensor, d_features: Tensor, scales: Tensor, table_rows: int) -> Tensor:
    """The gradient [`table_rows`, 2] by the table from that by the features [N, L * 2]."""
    levels = len(scales)
    d_table = points.new_zeros(table_rows, FEATURES)
    _launch("scatter", levels, points, d_features.view(-1, levels, FEATURES), scales, table_rows // levels, d_table)
    return d_table


@hash_encode.register_fake
def _(points: Tensor, table: Tensor, scales: Tensor) -> Tensor:
    return points.new_empty(points.shape[0], scales.shape[0] * FEATURES)


@hash_scatter.register_fake
def _(points: Tensor, d_features: Tensor, scales: Tensor, table_rows: int) -> Tensor:
    return points.new_empty(table_rows, FEATURES)


def _remember(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    points, table, scales = inputs
    ctx.save_for_backward(points, scales)
    ctx.table_rows = table.shape[0]


def _backward(ctx: Any, d_features: Tensor) -> tuple[None, Tensor, None]:
    points, scales = ctx.saved_tensors
    return None, hash_scatter(points, d_features.contiguous(), scales, ctx.table_rows), None


hash_encode.register_autograd(_backward, setup_context=_remember)


def compile_ahead(architectures: Sequence[int], folder: Path = COMPILED) -> list[Path]:
    """Compile the kernels into `folder`, without a GPU; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    warp, kernels = _warp(), _kernels()
    return warp.compile_aot_module(kernels, arch=list(architectures), module_dir=folder, use_ptx=False, strip_hash=True)


def _launch(kernel: str, levels: int, points: Tensor, *arguments: Tensor | int) -> None:
    """Run a kernel for all points at all levels, after what torch has given to the GPU before."""
    if len(points) == 0:
        return
    warp, device = _warp(), points.device
    _load(device)
    passed = [_array(warp, value) if isinstance(value, Tensor) else value for value in (points, *arguments)]
    stream = warp.stream_from_torch(device) if device.type == "cuda" else None
    where = warp.device_from_torch(device)
    warp.launch(getattr(_kernels(), kernel), (levels, len(points)), passed, device=where, stream=stream)


def _array(warp: ModuleType, tensor: Tensor) -> Any:
    """A view as the kernels take it: vectors by the last axis, where there is more than one."""
    if tensor.dtype != torch.float32:
        raise TypeError(f"the hash encoding takes float32, not {tensor.dtype}")
    dtype = None if tensor.dim() == 1 else warp.vec3 if tensor.shape[-1] == 3 else warp.vec2
    return warp.from_torch(tensor.detach(), dtype=dtype, return_ctype=True)


def compiled_for(architecture: int) -> Path | None:
    """The file with the kernels for an architecture, where they were compiled ahead for it."""
    file = COMPILED / f"wp_{_kernels().__name__}.sm{architecture}.cubin"
    return file if file.exists() else None


@cache
def _load(device: torch.device) -> None:
    """Take the kernels that were compiled ahead for this GPU, if there are any."""
    if device.type != "cuda":
        return
    major, minor = torch.cuda.get_device_capability(device)
    architecture = 10 * major + minor
    if compiled_for(architecture) is not None:
        warp = _warp()
        warp.load_aot_module(
            _kernels(),
            device=warp.device_from_torch(device),
            arch=architecture,
            module_dir=COMPILED,
            use_ptx=False,
            strip_hash=True,
        )


@cache
def _warp() -> ModuleType:
    import warp

    warp.config.log_level = warp.LOG_ERROR
    warp.init()
    return warp


@cache
def _kernels() -> ModuleType:
    _warp()
    from . import hash_kernels_gpu

    return hash_kernels_gpu


def main(arguments: Sequence[str]) -> None:
    """Compile for architectures written as torch has them (`8.0;9.0`); without an argument for those of its wheels."""
    named = [name for argument in arguments for name in argument.split(";") if name]
    wanted = [int(name.removesuffix("+PTX").replace(".", "")) for name in named] if arguments else ARCHITECTURES
    if wanted:
        compile_ahead(wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
