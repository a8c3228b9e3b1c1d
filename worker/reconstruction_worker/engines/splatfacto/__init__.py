"""Engine `splatfacto`: Gaussian splatting (Kerbl et al. 2023) as in nerfstudio, on CUDA.

Importing this module imports none of the libraries: the engine's limits can be listed anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import EngineSpec
from ..training.lazy_engine import LazyEngine

if TYPE_CHECKING:
    from ..training.fit import Method

SPEC = EngineSpec(
    name="splatfacto",
    licence="Apache-2.0",
    commercial_use=True,
    min_images=3,
    max_images=5000,
    needs_poses=True,
    needs_gpu=True,
    min_vram_bytes=6 * 2**30,
    paper="https://arxiv.org/abs/2308.04079",
)


def _method() -> Method:
    from .method import SplatMethod

    return SplatMethod()


ENGINE = LazyEngine(SPEC, _method)
