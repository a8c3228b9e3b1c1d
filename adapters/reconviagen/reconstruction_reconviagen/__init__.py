"""Engine `reconviagen` (Chang et al. 2025, v0.2): networks that complete an object from a few photos of it, without
camera poses.

Its source and weights are not for commercial use, by the licences of their parts, and in no image of this project: the
platform team builds one with them and accepts the licence by name. Importing this module imports none of the libraries.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconstruction_worker.engines.base import EngineSpec, Makes, Weights

if TYPE_CHECKING:
    from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
    from reconstruction_worker.geometry.gaussians import Gaussians
    from reconstruction_worker.stage import StageContext, StageOutput


LICENCE: Final = "LicenseRef-ReconViaGen-NonCommercial"
WEIGHTS: Final = Weights(
    file="reconviagen/reconviagen_v0.2.safetensors",
    sha256=None,
    licence=LICENCE,
    source="https://huggingface.co/Stable-X/trellis-vggt-v0-2 (the folder), "
    "https://huggingface.co/Stable-X/vggt-object-v0-1 (model.safetensors) and "
    "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_reg4_pretrain.pth, made one file by "
    "`python -m reconstruction_reconviagen.pack`",
)
SPEC: Final = EngineSpec(
    name="reconviagen",
    licence=LICENCE,
    paper="https://arxiv.org/abs/2510.23306",
    min_images=2,
    max_images=16,
    makes=Makes.MESH,
    needs_poses=False,
    needs_gpu=True,
    min_vram_bytes=12 * 2**30,
    min_memory_bytes=12 * 2**30,
    min_capability=(7, 0),
    shown_by_cpu=True,
    weights=(WEIGHTS,),
)


class ReconViaGenEngine:
    """An `Engine` whose result is a mesh, and that has Gaussians too."""

    spec = SPEC

    def fit(self, context: StageContext) -> StageOutput:
        from .fitting import fit

        return fit(context, self.spec)

    def load(self, folder: Path, workspace: Path, device: str) -> ColouredMesh:
        from reconstruction_worker.engines.result_files import read_surface

        return read_surface(folder, self.spec.name)

    def gaussians(self, folder: Path) -> Gaussians:
        from reconstruction_worker.engines.result_files import read_gaussians

        return read_gaussians(folder, self.spec.name, antialiased=True)


ENGINE = ReconViaGenEngine()
