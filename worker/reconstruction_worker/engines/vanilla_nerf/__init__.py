"""Engine `vanilla-nerf`: the original radiance field (Mildenhall et al. 2020), on CUDA and on the CPU.

A coarse network is sampled evenly along each ray, a fine one where the coarse one found something. Both see positions
and directions through sines and cosines of rising frequency. Importing this module imports none of the libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import EngineSpec
from ..training.lazy_engine import LazyEngine

if TYPE_CHECKING:
    from ..training.fit import Method

SPEC = EngineSpec(
    name="vanilla-nerf",
    licence="Apache-2.0",
    commercial_use=True,
    min_images=3,
    max_images=5000,
    needs_poses=True,
    needs_gpu=False,
    min_vram_bytes=6 * 2**30,
    paper="https://arxiv.org/abs/2003.08934",
)


def _method() -> Method:
    from ..rays.rays_method import RaysMethod
    from .nerf_model import build_model
    from .settings import derive_settings

    return RaysMethod(derive_settings, build_model)


ENGINE = LazyEngine(SPEC, _method)
