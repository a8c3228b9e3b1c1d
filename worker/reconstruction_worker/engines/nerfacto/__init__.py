"""Engine `nerfacto`: nerfstudio's default method (Tancik et al. 2023), on CUDA and on the CPU.

Importing this module imports none of the libraries: the engine's limits can be listed anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import EngineSpec
from ..training.lazy_engine import LazyEngine

if TYPE_CHECKING:
    from ..training.fit import Method

SPEC = EngineSpec(
    name="nerfacto",
    licence="Apache-2.0",
    commercial_use=True,
    min_images=3,
    max_images=5000,
    needs_poses=True,
    needs_gpu=False,
    min_vram_bytes=4 * 2**30,
    paper="https://arxiv.org/abs/2302.04264",
)


def _method() -> Method:
    from ..rays.rays_method import RaysMethod
    from .nerfacto_model import build_model
    from .settings import derive_settings

    return RaysMethod(derive_settings, build_model)


ENGINE = LazyEngine(SPEC, _method)
