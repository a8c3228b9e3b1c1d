"""Engine `splatfacto`: Gaussian splatting (Kerbl et al. 2023) as in nerfstudio, on CUDA.

Importing this module imports none of the libraries: the engine's limits can be listed anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconstruction_api.engines import ENGINES

from ..training.lazy_engine import LazyGaussianEngine

if TYPE_CHECKING:
    from ..training.fit import GaussianMethod

SPEC = ENGINES["splatfacto"]


def _method() -> GaussianMethod:
    from .method import SplatMethod

    return SplatMethod()


ENGINE = LazyGaussianEngine(SPEC, _method)
