"""Engine `splatfacto`: Gaussian splatting (Kerbl et al. 2023) as in nerfstudio, on CUDA.

Importing this module imports none of the libraries: the engine's limits can be listed anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..base import EngineSpec, Field

if TYPE_CHECKING:
    from ...stage import StageContext, StageOutput
    from ..nerf.fit import RadianceEngine

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


class SplatfactoEngine:
    spec = SPEC

    def fit(self, context: StageContext) -> StageOutput:
        return _engine().fit(context)

    def load(self, folder: Path, workspace: Path, device: str) -> Field:
        return _engine().load(folder, workspace, device)


def _engine() -> RadianceEngine:
    from ..nerf.fit import RadianceEngine
    from .method import SplatMethod

    return RadianceEngine(SPEC, SplatMethod())


ENGINE = SplatfactoEngine()
