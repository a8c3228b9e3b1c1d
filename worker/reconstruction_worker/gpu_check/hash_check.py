"""The hash grids' kernels: needs PyTorch and Warp, which compiles them for this GPU."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from .findings import Finding, Outcome, judged

POINTS, LEVELS, ROWS = 1 << 18, 16, 1 << 19
FACTORS = (1, 2654435761, 805459861)


def check_hash_grids(device: torch.device, points: int = POINTS, rows: int = ROWS) -> Iterator[Finding]:
    """Against an obvious implementation, on the same device; and how fast they are."""
    from ..engines.gpu_kernels import gpu_kernels_are_available
    from ..engines.rays.hash_on_gpu import hash_encode

    if device.type == "cuda" and not gpu_kernels_are_available():
        yield Finding("hash grid", Outcome.SKIPPED, "the driver is too old for Warp: nerfstudio's own is used instead")
        return
    random = torch.Generator().manual_seed(0)
    places = torch.rand(points, 3, generator=random).to(device)
    table = torch.rand(LEVELS * rows, 2, generator=random).to(device).requires_grad_()
    scales = torch.floor(16 * 1.4 ** torch.arange(LEVELS)).to(device)
    few = slice(0, 1024)
    ours, theirs = hash_encode(places[few], table, scales), slow_encoding(places[few], table, scales)
    error = float((ours - theirs).abs().max())
    yield judged("hash grid, features", error < 1e-3, f"largest difference {error:.1e}")
    (gradient,) = torch.autograd.grad(ours.square().sum(), table)
    (expected,) = torch.autograd.grad(theirs.square().sum(), table)
    error = float((gradient - expected).abs().max())
    yield judged("hash grid, gradients", error < 1e-2, f"largest difference {error:.1e}")
    started = _now(device)
    features = hash_encode(places, table, scales)
    middle = _now(device)
    torch.autograd.grad(features.sum(), table)
    forward, backward = (middle - started) / points * 1e9, (_now(device) - middle) / points * 1e9
    yield judged("hash grid, time a point", True, f"{forward:.1f} ns forward, {backward:.1f} ns backward")


def slow_encoding(points: Tensor, table: Tensor, scales: Tensor) -> Tensor:
    """The encoding of Müller et al. 2022, section 3, corner by corner."""
    rows = len(table) // len(scales)
    levels = []
    for level, scale in enumerate(scales):
        position = points * scale
        low = position.floor()
        within, found = position - low, torch.zeros(len(points), 2, device=points.device)
        for corner in range(8):
            offset = torch.tensor([corner & 1, corner >> 1 & 1, corner >> 2 & 1], device=points.device)
            i, j, k = ((low + offset).long() * torch.tensor(FACTORS, device=points.device)).unbind(1)
            weight = torch.where(offset == 1, within, 1 - within).prod(1, keepdim=True)
            found = found + weight * table[level * rows + (i ^ j ^ k) % rows]
        levels.append(found)
    return torch.cat(levels, 1)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
