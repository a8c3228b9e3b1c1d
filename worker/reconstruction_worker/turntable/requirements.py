"""What a turntable needs of the engine and of the image, checked before anything that takes long."""

from __future__ import annotations

from reconstruction_api.job import ReconstructionJobSpec

from ..engines.base import Makes
from .films import check_outputs
from .showing import renderer_for


def check_turntable(spec: ReconstructionJobSpec, makes: Makes) -> None:
    """Raises InvalidSpec for what the engine does not make, or the image can't write. Nothing without a turntable."""
    if spec.turntable is not None:
        check_outputs(spec.turntable)
        renderer_for(spec, makes)
