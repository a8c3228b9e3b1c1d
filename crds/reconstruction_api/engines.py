"""What an engine is, as far as it can be said without its libraries, and the engines that come with the worker.

The worker's packages and the operator read the same declarations. An engine in a package of its own declares an
`EngineSpec` there; the operator learns what it must know of it from the profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_GIB: Final = 2**30


class Makes(StrEnum):
    """What an engine leaves, and the stages after it work on."""

    FIELD = "field"
    """Something that can be asked what a camera sees."""
    GAUSSIANS = "gaussians"
    """A field made of Gaussians, which can be exported as they are."""
    MESH = "mesh"
    """A coloured mesh: none has to be made from a field."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A file that an engine reads and nobody may download at run time."""

    file: str
    """Path below the folder of weights."""
    sha256: str | None
    """None where its authors state none: then that of the file that was added counts."""
    licence: str
    """SPDX identifier, or the name that its authors give it."""
    source: str
    """Where a person gets it."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What an engine makes, needs and allows."""

    name: str
    licence: str
    """SPDX identifier."""
    paper: str
    """Address of what describes the method."""
    min_images: int
    max_images: int
    makes: Makes = Makes.FIELD
    needs_poses: bool = True
    """Whether it needs to know where the photos were taken from; otherwise `poses.method: None` is allowed."""
    needs_depth: bool = False
    """Whether each photo must have a depth map."""
    needs_gpu: bool = False
    uses_gpu: bool = True
    """False for one that has no use for a GPU: its pods ask for none."""
    min_vram_bytes: int = 0
    """Free GPU memory without which it does not begin on a GPU."""
    min_memory_bytes: int = 0
    """Memory that the pod must be allowed to hold."""
    min_capability: tuple[int, int] | None = None
    """Oldest compute capability of CUDA that its kernels work on."""
    shown_by_cpu: bool = False
    """Whether what it has trained is rendered by the CPU wherever that was: no later stage needs a GPU."""
    gpu_modules: tuple[str, ...] = ()
    """Compiled modules of its libraries without which it does not work on a GPU, such as `gsplat.csrc`."""
    weights: tuple[Weights, ...] = ()
    results_depend_on: tuple[str, ...] = ()
    """Distributions (as pip knows them) whose versions change its results: with another version of one a training is
    not taken for the same, and runs again where nothing but the version has changed. Versions of all libraries are
    recorded anyway; name one only where its results differ by more than rounding."""


DEPTH_FUSION_ENGINE: Final = "depth-fusion"
"""What `training.depthFusion` puts in the place of another engine."""

ENGINES: Final = {
    spec.name: spec
    for spec in (
        EngineSpec(
            name="splats",
            licence="Apache-2.0",
            paper="https://arxiv.org/abs/2308.04079",
            min_images=2,
            max_images=1000,
            makes=Makes.GAUSSIANS,
            min_vram_bytes=4 * _GIB,
            min_capability=(7, 0),
            shown_by_cpu=True,
            gpu_modules=("gsplat.csrc",),
        ),
        EngineSpec(
            name="nerfacto",
            licence="Apache-2.0",
            paper="https://arxiv.org/abs/2302.04264",
            min_images=3,
            max_images=5000,
            min_vram_bytes=4 * _GIB,
        ),
        EngineSpec(
            name="vanilla-nerf",
            licence="Apache-2.0",
            paper="https://arxiv.org/abs/2003.08934",
            min_images=3,
            max_images=5000,
            min_vram_bytes=6 * _GIB,
        ),
        EngineSpec(
            name="splatfacto",
            licence="Apache-2.0",
            paper="https://arxiv.org/abs/2308.04079",
            min_images=3,
            max_images=5000,
            makes=Makes.GAUSSIANS,
            needs_gpu=True,
            min_vram_bytes=6 * _GIB,
            min_capability=(7, 0),
            shown_by_cpu=True,
            gpu_modules=("gsplat.csrc",),
        ),
        EngineSpec(
            name=DEPTH_FUSION_ENGINE,
            licence="Apache-2.0",
            paper="https://doi.org/10.1145/237170.237269",
            min_images=2,
            max_images=1000,
            makes=Makes.MESH,
            needs_depth=True,
            uses_gpu=False,
            shown_by_cpu=True,
        ),
    )
}
"""Those that come with the worker."""

GPU_ONLY: Final = frozenset(spec.name for spec in ENGINES.values() if spec.needs_gpu)
"""Engines that don't work without a GPU."""

CPU_ONLY: Final = tuple(spec.name for spec in ENGINES.values() if not spec.uses_gpu)
"""Engines of the worker that have no use for a GPU."""

NEED_DEPTH: Final = tuple(spec.name for spec in ENGINES.values() if spec.needs_depth)
"""Engines of the worker that need a depth map for each photo."""

NEED_POSES: Final = tuple(spec.name for spec in ENGINES.values() if spec.needs_poses)
"""Engines of the worker that need camera poses."""
