"""Engine `splatt3r` (Smart et al. 2024): a network that sees a Gaussian in each pixel of two photos.

Its source and weights are for non-commercial use only, and in no image of this project: the platform team builds one
with it and accepts the licence by name. Importing this module imports none of the libraries.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconstruction_worker.engines.base import EngineSpec, Makes, Weights

if TYPE_CHECKING:
    from reconstruction_worker.geometry.gaussians import Gaussians
    from reconstruction_worker.geometry.rendering import Field
    from reconstruction_worker.stage import StageContext, StageOutput


LICENCE: Final = "CC-BY-NC-SA-4.0"
WEIGHTS: Final = Weights(
    file="splatt3r/splatt3r_v1.0.safetensors",
    sha256=None,
    licence=LICENCE,
    source="https://huggingface.co/brandonsmart/splatt3r_v1.0 (epoch=19-step=1200.ckpt), converted by "
    "`python -m reconstruction_splatt3r.convert`",
)
SPEC: Final = EngineSpec(
    name="splatt3r",
    licence=LICENCE,
    paper="https://arxiv.org/abs/2408.13912",
    min_images=2,
    max_images=10,
    makes=Makes.GAUSSIANS,
    needs_gpu=True,
    min_vram_bytes=12 * 2**30,
    min_capability=(7, 0),
    shown_by_cpu=True,
    weights=(WEIGHTS,),
)


class Splatt3rEngine:
    """An `Engine` whose result is Gaussians."""

    spec = SPEC

    def fit(self, context: StageContext) -> StageOutput:
        from .fitting import fit

        return fit(context, self.spec)

    def load(self, folder: Path, workspace: Path, device: str) -> Field:
        from reconstruction_worker.engines.gaussians.shown import field_of

        return field_of(self.gaussians(folder))

    def gaussians(self, folder: Path) -> Gaussians:
        from reconstruction_worker.engines.result_files import read_gaussians

        return read_gaussians(folder, self.spec.name, antialiased=False)


ENGINE = Splatt3rEngine()
