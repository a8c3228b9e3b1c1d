"""The loss at pixels whose distance is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

DEVIATION = 0.01
"""Standard deviation of a known distance as a share of it."""
ROUGH_WEIGHT = 5.0
"""Weight of a ray whose distance is known roughly against one whose distance is known."""
ENOUGH = 0.5
"""Share of a ray's opacity near its distance from which the ray is not drawn there any more."""
FALLING = 0.2
"""Share of the training over which the weight falls from the first to the last."""


@dataclass(frozen=True)
class DepthWeight:
    """Weight of the loss against the squared error of colours. It falls by the same factor from step to step, from
    `first` to `last`: fog before the cameras of few photos is cleared only by a heavy one (Deng et al. 2022 use 0.1),
    which later would keep the colours from becoming exact."""

    first: float
    last: float
    steps: int
    """Of the training."""

    def at(self, step: int) -> float:
        done = min(1.0, step / max(1.0, FALLING * self.steps))
        return self.first * (self.last / self.first) ** done


def depth_loss(outputs: dict[str, Any], surface: Tensor, reach: Tensor, tolerance: float) -> Tensor:
    """Loss of depth-supervised NeRF (Deng et al. 2022) for all samplings along the rays, the proposals' included.

    `surface` [N, 1] is 0 where nothing is known. Where `reach` [N, 1] is not 0, what counts is the share of the ray's
    opacity that is farther than that from the known distance. Elsewhere density is drawn to the distance, until most of
    the opacity is within `tolerance`, a share of it: the loss alone would make surfaces as thick as distances are
    uncertain, and what colours say of them is more exact.
    """
    rough = reach[:, 0] > 0
    known = (surface[:, 0] > 0) & ~rough
    distance = surface[known][:, None]  # [K, 1, 1]
    variance = (DEVIATION * distance) ** 2
    terms = []
    for weights, samples in zip(outputs["weights_list"], outputs["ray_samples_list"], strict=True):
        terms.append(weights.sum() * 0)  # where nothing is known
        if known.any():
            starts, ends = samples.frustums.starts[known], samples.frustums.ends[known]
            near = torch.exp(-(((starts + ends) / 2 - distance) ** 2) / (2 * variance)) * (ends - starts)
            share = near / near.sum(1, keepdim=True).clamp_min(1e-12)  # [K, S, 1]
            there = weights[known] * (((starts + ends) / 2 - distance).abs() <= tolerance * distance)
            astray = there.detach().sum(1) < ENOUGH
            terms.append(-((share * torch.log(weights[known] + 1e-5)).sum(1) * astray).mean())
        if rough.any():
            middles = (samples.frustums.starts[rough] + samples.frustums.ends[rough]) / 2
            outside = (middles - surface[rough][:, None]).abs() > reach[rough][:, None]
            terms.append(ROUGH_WEIGHT * (weights[rough] * outside).sum(1).mean())
    return torch.stack(terms).sum()
