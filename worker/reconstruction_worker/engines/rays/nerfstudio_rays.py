"""Rays as nerfstudio's models take them."""

from __future__ import annotations

import torch
from nerfstudio.cameras.rays import RayBundle

from .rays import Rays


def ray_bundle(rays: Rays) -> RayBundle:
    return RayBundle(
        origins=rays.origins,
        directions=rays.directions,
        pixel_area=torch.ones_like(rays.near),
        camera_indices=rays.cameras,
        nears=rays.near,
        fars=rays.far,
    )
