"""nerfstudio's sampling by weights (Mildenhall et al. 2020, section 5.2) with one kernel instead of thirty."""

from __future__ import annotations

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import PDFSampler
from torch import Tensor

from ..gpu_kernels.sampling import redistribute


class DenserSamples:
    """In the place of `PDFSampler.generate_ray_samples`, for samplers that keep none of the original samples and move
    those of a ray together (`single_jitter`)."""

    def __init__(self, sampler: PDFSampler):
        assert sampler.single_jitter and not sampler.include_original
        self.sampler = sampler

    def __call__(
        self,
        ray_bundle: RayBundle,
        ray_samples: RaySamples,
        weights: Tensor,
        num_samples: int | None = None,
        eps: float = 1e-5,
    ) -> RaySamples:
        """`weights` are [N, S, 1]."""
        count = num_samples or self.sampler.num_samples
        starts, ends, euclidean = (
            ray_samples.spacing_starts,
            ray_samples.spacing_ends,
            ray_samples.spacing_to_euclidean_fn,
        )
        assert count is not None and starts is not None and ends is not None and euclidean is not None
        edges = torch.cat((starts[..., 0], ends[..., -1:, 0]), dim=-1).detach()
        if self.sampler.training and self.sampler.train_stratified:
            shifts = torch.rand(len(edges), device=edges.device)
        else:
            shifts = torch.full((len(edges),), 0.5, device=edges.device)
        known = weights[..., 0].detach().float().contiguous()
        bins = redistribute(known, edges, shifts, count, self.sampler.histogram_padding, eps)
        distances = euclidean(bins)
        return ray_bundle.get_ray_samples(
            bin_starts=distances[..., :-1, None],
            bin_ends=distances[..., 1:, None],
            spacing_starts=bins[..., :-1, None],
            spacing_ends=bins[..., 1:, None],
            spacing_to_euclidean_fn=euclidean,
        )
