"""Engine `vanilla-nerf`: the original radiance field (Mildenhall et al. 2020), on CUDA and on the CPU.

A coarse network is sampled evenly along each ray, a fine one where the coarse one found something. Both see positions
and directions through sines and cosines of rising frequency. Importing this module imports none of the libraries.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..base import EngineSpec, Field

if TYPE_CHECKING:
    from ...stage import StageContext, StageOutput
    from ..nerf.fit import RadianceEngine

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


class VanillaNerfEngine:
    spec = SPEC

    def fit(self, context: StageContext) -> StageOutput:
        return _engine().fit(context)

    def load(self, folder: Path, workspace: Path, device: str) -> Field:
        return _engine().load(folder, workspace, device)


def _engine() -> RadianceEngine:
    from ..nerf.fit import RadianceEngine
    from ..nerf.rays_method import RaysMethod
    from .model import build_model
    from .settings import derive_settings

    return RadianceEngine(SPEC, RaysMethod(derive_settings, build_model))


ENGINE = VanillaNerfEngine()
