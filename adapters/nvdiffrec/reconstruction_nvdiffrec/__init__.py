"""Engine `nvdiffrec` (Munkberg et al., CVPR 2022): mesh, materials and light by differentiable rendering.

The program is NVIDIA's, for research and evaluation only, and in no image of this project: the platform team builds one
with it and accepts the licence by name. Importing this module imports none of the libraries.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconstruction_worker.engines.base import EngineSpec, Makes

if TYPE_CHECKING:
    from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
    from reconstruction_worker.stage import StageContext, StageOutput


SPEC: Final = EngineSpec(
    name="nvdiffrec",
    licence="LicenseRef-NVIDIA-nvdiffrec",
    paper="https://arxiv.org/abs/2111.12503",
    min_images=3,
    max_images=300,
    makes=Makes.MESH,
    needs_gpu=True,
    min_vram_bytes=12 * 2**30,
    min_capability=(7, 0),
    shown_by_cpu=True,
)


class NvdiffrecEngine:
    """An `Engine` whose result is a mesh."""

    spec = SPEC

    def fit(self, context: StageContext) -> StageOutput:
        from .fitting import fit

        return fit(context, self.spec)

    def load(self, folder: Path, workspace: Path, device: str) -> ColouredMesh:
        from reconstruction_worker.engines.result_files import read_surface

        return read_surface(folder, self.spec.name)


ENGINE = NvdiffrecEngine()
