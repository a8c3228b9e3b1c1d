"""Compiles the loops for Gaussians before anybody waits for them: numba keeps the machine code beside their files, or
in NUMBA_CACHE_DIR, for later processes on the same kind of processor.

`python -m reconstruction_worker.engines.splats.compile_kernels`, with which images are made, compiles them for all
kinds of processors whose code this machine can run.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import torch

from ...geometry.rendering import Camera
from ...machine_code import ENV_FEATURES, ENV_NAME, LEVELS, levels_of_processor
from ..gaussians.numba_rasteriser import NumbaRasteriser
from ..gaussians.parameters import degree_of
from ..gaussians.rasteriser import Target
from ..gaussians.shot import Shot
from ..training.visual_hull import carve
from .cloud import Cloud
from .photos import OPAQUE
from .schedule import rates
from .seeds import Seeds, seeded

_PROGRAM = "from reconstruction_worker.engines.splats.compile_kernels import compile_kernels; compile_kernels()"
SIDE = 32
"""Pixels of the picture that is drawn for it."""
BOX = np.array([[-1.0, -1, -3], [1, 1, -1]])
"""Around both Gaussians."""


def compile_kernels() -> None:
    """Draw two Gaussians, compare them with a photo, move them, and carve their box by the photo's mask."""
    seeds = Seeds(np.array([[0.0, 0.0, -2.0], [0.1, 0.0, -2.0]]), np.zeros((2, 3)))
    cloud = Cloud(seeded(seeds, 1.0), 0, 2, torch.device("cpu"))
    camera = Camera(np.eye(4), SIDE, SIDE, SIDE / 2, SIDE / 2, SIDE, SIDE)
    shot = Shot.of(camera)
    planes, alpha = torch.zeros(3, SIDE, SIDE, dtype=torch.uint8), torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    target = Target(planes, alpha, np.zeros(3, np.float32), np.ones(3, np.float32))
    rasteriser = NumbaRasteriser(antialiased=True)
    rasteriser.show(cloud.parameters, shot, degree_of(cloud.parameters))
    found = rasteriser.compare(cloud.parameters, shot, target, 0, cloud.slopes)
    cloud.step(found.seen, rates(0.0, 1.0, 1.0, 0))
    carve([camera], [np.full((SIDE, SIDE), OPAQUE, np.uint8)], BOX)


def main() -> None:
    """Each kind in a process of its own: numba has one for all that it compiles."""
    for level in levels_of_processor():
        chosen = {ENV_NAME: level, ENV_FEATURES: LEVELS[level]}
        subprocess.run([sys.executable, "-c", _PROGRAM], check=True, env=os.environ | chosen)


if __name__ == "__main__":
    main()
