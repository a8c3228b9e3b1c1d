"""Engine `vanilla-nerf`: the original radiance field (Mildenhall et al. 2020), on CUDA and on the CPU.

A coarse network is sampled evenly along each ray, a fine one where the coarse one found something. Both see positions
and directions through sines and cosines of rising frequency. Importing this module imports none of the libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconstruction_api.engines import ENGINES

from ..training.lazy_engine import LazyEngine

if TYPE_CHECKING:
    from ..training.fit import Method

SPEC = ENGINES["vanilla-nerf"]


def _method() -> Method:
    from ..rays.rays_method import RaysMethod
    from .nerf_model import build_model
    from .settings import derive_settings, rendering_bytes_per_ray

    return RaysMethod(derive_settings, build_model, rendering_bytes_per_ray)


ENGINE = LazyEngine(SPEC, _method)
