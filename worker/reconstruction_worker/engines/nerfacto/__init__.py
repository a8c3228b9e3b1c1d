"""Engine `nerfacto`: nerfstudio's default method (Tancik et al. 2023), on CUDA and on the CPU.

Importing this module imports none of the libraries: the engine's limits can be listed anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconstruction_api.engines import ENGINES

from ..training.lazy_engine import LazyEngine

if TYPE_CHECKING:
    from ..training.fit import Method

SPEC = ENGINES["nerfacto"]


def _method() -> Method:
    from ..rays.rays_method import RaysMethod
    from .nerfacto_model import build_model
    from .settings import derive_settings, rendering_bytes_per_ray

    return RaysMethod(derive_settings, build_model, rendering_bytes_per_ray)


ENGINE = LazyEngine(SPEC, _method)
