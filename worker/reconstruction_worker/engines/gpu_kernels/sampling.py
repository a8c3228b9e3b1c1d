"""Where samples along rays are, on a GPU: operators of torch with one kernel each, without gradients. On the CPU they
work too, for tests."""

from __future__ import annotations

import torch
from torch import Tensor

from .launching import launch

MODULE = "sampling_kernels"


@torch.library.custom_op("reconstruction::narrow_intervals", mutates_args=())
def narrow_intervals(
    origins: Tensor, directions: Tensor, interval: Tensor, occupied: Tensor, box: Tensor, steps: int
) -> Tensor:
    """The part of each ray's `interval` [N, 2] between its first and its last cell of the grid `occupied` [G, G, G]
    (bool); empty where there is none. `box` [2, 3] has the grid's lowest corner and its cells a unit."""
    result = interval.clone()
    launch(MODULE, "narrow", (len(origins),), origins, directions, occupied, box, steps, result)
    return result


@torch.library.custom_op("reconstruction::redistribute", mutates_args=())
def redistribute(weights: Tensor, edges: Tensor, shifts: Tensor, samples: int, padding: float, least: float) -> Tensor:
    """Edges [N, samples + 1] of new samples from the weights [N, S] of old ones and their `edges` [N, S + 1];
    `shifts` [N] in 0..1 move the new ones of a ray together."""
    result = edges.new_empty(len(edges), samples + 1)
    launch(MODULE, "redistribute", (len(edges),), weights, edges, shifts, padding, least, result)
    return result


@narrow_intervals.register_fake
def _(origins: Tensor, directions: Tensor, interval: Tensor, occupied: Tensor, box: Tensor, steps: int) -> Tensor:
    return torch.empty_like(interval)


@redistribute.register_fake
def _(weights: Tensor, edges: Tensor, shifts: Tensor, samples: int, padding: float, least: float) -> Tensor:
    return edges.new_empty(edges.shape[0], samples + 1)
