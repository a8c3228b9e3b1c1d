"""The forward pass of nerfstudio's NerfactoModel, in training and in rendering.

The samples, densities and colours are those of its own `get_outputs`. That one also computes depths that nobody asks
for, the encoding of a ray's direction once for each of its samples, and the colours of samples that do not show.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from nerfstudio.cameras.rays import RaySamples
from nerfstudio.fields.base_field import get_normalized_directions
from nerfstudio.fields.nerfacto_field import NerfactoField
from nerfstudio.models.nerfacto import NerfactoModel
from torch import Tensor

from ..rays.direction_polynomial import DirectionPolynomial
from ..rays.nerfstudio_rays import ray_bundle
from ..rays.ray_model import RayColours
from ..rays.rays import Rays

POLYNOMIAL = "direction_polynomial"
"""Attribute of a field on a GPU: its encoding of directions, in few operations."""
SHOWS = 1e-4
"""Weight from which on a sample's colour is computed in rendering: the others of a ray, 48 at most, together make less
than 0.005 of it."""


@dataclass(frozen=True)
class Sampled:
    """N rays with S samples each."""

    samples: RaySamples
    weights: Tensor  # [N, S, 1], share of each sample in what is seen
    embedding: Tensor  # [N, S, G], what the field knows about each place apart from its density
    proposals: list[tuple[Tensor, RaySamples]]
    """Weights and samples of each proposal network."""

    @property
    def alpha(self) -> Tensor:
        """[N, 1]"""
        return self.weights.sum(dim=-2)


def sampled(module: NerfactoModel, rays: Rays) -> Sampled:
    """Places along the rays, the more the denser, with their weights."""
    samples, weights, earlier = module.proposal_sampler(ray_bundle(rays), density_fns=module.density_fns)
    density, embedding = module.field.get_density(samples)
    return Sampled(samples, samples.get_weights(density), embedding, list(zip(weights, earlier, strict=True)))


def colours_in_training(field: NerfactoField, rays: Rays, found: Sampled) -> Tensor:
    """What is seen along the rays, premultiplied, with gradients. [N, 3]"""
    count = found.weights.shape[1]
    directions = _encoded(field, rays)[:, None].expand(-1, count, -1)
    rgb = _colours(field, directions.flatten(0, 1), found.embedding.flatten(0, 1))
    return (found.weights * rgb.unflatten(0, (-1, count))).sum(dim=-2)


def rendered(module: NerfactoModel, rays: Rays) -> RayColours:
    """What is seen along the rays."""
    found = sampled(module, rays)
    ray, sample = (found.weights[..., 0] > SHOWS).nonzero(as_tuple=True)
    rgb = torch.zeros_like(rays.origins)
    if len(ray):
        shown = _colours(module.field, _encoded(module.field, rays)[ray], found.embedding[ray, sample])
        rgb.index_add_(0, ray, (found.weights[ray, sample] * shown).to(rgb))
    depth = module.renderer_depth(weights=found.weights, ray_samples=found.samples)
    return RayColours(rgb, found.alpha, depth)


def _encoded(field: NerfactoField, rays: Rays) -> Tensor:
    """Spherical harmonics of each ray's direction. [N, D]"""
    directions = get_normalized_directions(rays.directions)
    polynomial: DirectionPolynomial | None = getattr(field, POLYNOMIAL, None)
    return polynomial(directions) if polynomial is not None else field.direction_encoding(directions)


def _colours(field: NerfactoField, directions: Tensor, embedding: Tensor) -> Tensor:
    """Colours of K samples from their rays' encoded directions [K, D] and what the field knows [K, G]. [K, 3]"""
    return field.mlp_head(torch.cat((directions, embedding), dim=-1)).to(directions)
