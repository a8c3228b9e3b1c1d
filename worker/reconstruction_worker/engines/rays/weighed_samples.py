"""nerfstudio's weights of samples along rays with one kernel instead of eleven, and with one for their gradient instead
of twenty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nerfstudio.cameras.rays import RaySamples
from torch import Tensor

from ..gpu_kernels.weighing import weigh

SampleAlong = Callable[..., RaySamples]
"""A sampler's `generate_ray_samples`."""


def weighed_by_kernel(sample: SampleAlong) -> SampleAlong:
    """The same samples, whose `get_weights` is a kernel."""

    def sampled(*arguments: Any, **named: Any) -> RaySamples:
        samples = sample(*arguments, **named)
        samples.get_weights = lambda densities: _weights(samples, densities)  # type: ignore[method-assign]
        return samples

    return sampled


def _weights(samples: RaySamples, densities: Tensor) -> Tensor:
    """[N, S, 1] from densities [N, S, 1]."""
    assert samples.deltas is not None
    lengths = samples.deltas[..., 0].detach()
    return weigh(densities[..., 0].float().contiguous(), lengths.contiguous())[..., None]
