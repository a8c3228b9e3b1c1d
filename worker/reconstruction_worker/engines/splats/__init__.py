"""Engine `splats`: Gaussian splatting (Kerbl et al. 2023) with rasterisers of its own for the CPU, and gsplat on CUDA.

Importing this module imports none of the libraries: the engine's limits can be listed anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconstruction_api.engines import ENGINES

from ..training.lazy_engine import LazyGaussianEngine

if TYPE_CHECKING:
    from ..training.fit import GaussianMethod

SPEC = ENGINES["splats"]


def _method() -> GaussianMethod:
    from .method import SplatsMethod

    return SplatsMethod()


ENGINE = LazyGaussianEngine(SPEC, _method)
