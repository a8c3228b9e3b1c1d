"""nerfstudio's first samples along rays, without the copy to the GPU for which the processor waits."""

from __future__ import annotations

from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import SpacedSampler
from torch import Tensor


class EvenSamples:
    """In the place of `SpacedSampler.generate_ray_samples`, for one number of samples. A ray's samples are moved
    together within their intervals in training (`single_jitter`)."""

    def __init__(self, sampler: SpacedSampler, count: int, device: torch.device):
        edges = torch.linspace(0.0, 1.0, count + 1)
        middles = (edges[1:] + edges[:-1]) / 2
        lower, upper = torch.cat([edges[:1], middles]), torch.cat([middles, edges[-1:]])
        self.sampler, self.count = sampler, count
        self.edges, self.lower, self.width = (each[None].to(device) for each in (edges, lower, upper - lower))

    def __call__(self, ray_bundle: RayBundle, num_samples: int | None = None) -> RaySamples:
        assert num_samples in (None, self.count) and ray_bundle.nears is not None and ray_bundle.fars is not None
        rays, sampler = len(ray_bundle.origins), self.sampler
        bins = self.edges
        if sampler.training and sampler.train_stratified:
            shift = torch.rand(rays, 1 if sampler.single_jitter else self.count + 1, device=bins.device)
            bins = torch.addcmul(self.lower, self.width, shift)
        near, far = sampler.spacing_fn(ray_bundle.nears), sampler.spacing_fn(ray_bundle.fars)

        def euclidean(places: Tensor) -> Any:
            return sampler.spacing_fn_inv(torch.lerp(near, far, places))

        distances = euclidean(bins)
        return ray_bundle.get_ray_samples(
            bin_starts=distances[..., :-1, None],
            bin_ends=distances[..., 1:, None],
            spacing_starts=bins[..., :-1, None],
            spacing_ends=bins[..., 1:, None],
            spacing_to_euclidean_fn=euclidean,
        )
