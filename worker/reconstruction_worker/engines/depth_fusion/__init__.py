"""Engine `depth-fusion`: photos with depth maps become a mesh directly, without a training, on the CPU.

Importing this module imports none of the libraries: the engine's limits can be listed anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconstruction_api.engines import DEPTH_FUSION_ENGINE, ENGINES

if TYPE_CHECKING:
    from ...geometry.coloured_mesh import ColouredMesh
    from ...geometry.gaussians import Gaussians
    from ...stage import StageContext, StageOutput


class DepthFusionEngine:
    """An `Engine` whose result is a mesh, and that has Gaussians too."""

    spec = ENGINES[DEPTH_FUSION_ENGINE]

    def fit(self, context: StageContext) -> StageOutput:
        from ..training.posed_photos import read_scene
        from .fusing import fused, written

        return written(context, fused(context, read_scene(context.workspace)), self.spec)

    def load(self, folder: Path, workspace: Path, device: str) -> ColouredMesh:
        from ..result_files import read_surface

        return read_surface(folder, self.spec.name)

    def gaussians(self, folder: Path) -> Gaussians:
        from ..result_files import read_gaussians

        return read_gaussians(folder, self.spec.name, antialiased=True)


ENGINE = DepthFusionEngine()
