"""Engine `nerfacto`: nerfstudio's default method (Tancik et al. 2023), on CUDA and on the CPU.

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


class NerfactoEngine:
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


ENGINE = NerfactoEngine()
