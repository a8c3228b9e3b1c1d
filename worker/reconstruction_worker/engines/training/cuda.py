"""What PyTorch and the driver say of this machine's GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import torch

from ..driver import driver_version

GIB: Final = 2**30
OLDEST_DRIVERS: Final = {11: "450.80", 12: "525.60", 13: "580.65"}
"""By CUDA's major version; from NVIDIA's table of minor version compatibility (CUDA release notes)."""


@dataclass(frozen=True)
class Graphics:
    """The GPU, or what is in the way of using it."""

    obstacle: str | None
    """A sentence or two; None where the GPU can be used, and only then the rest is known."""
    name: str = ""
    capability: tuple[int, int] = (0, 0)
    free_bytes: int = 0
    total_bytes: int = 0
    versions: dict[str, str | None] = field(default_factory=dict)
    """Of PyTorch, of the CUDA that it was built for, and of the driver."""


def found_graphics() -> Graphics:
    """Looks; takes a second where there is a GPU."""
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "driver": driver_version()}
    if torch.version.cuda is None:
        return Graphics("the image's PyTorch is built for CPUs only.", versions=versions)
    if not torch.cuda.is_available():
        return Graphics(_reason(versions["driver"], torch.version.cuda), versions=versions)
    name, capability = torch.cuda.get_device_name(), torch.cuda.get_device_capability()
    built_for = torch.cuda.get_arch_list()
    if not runs_on(capability, built_for):
        kernels = ", ".join(built_for)
        obstacle = f"{name} has compute capability {capability[0]}.{capability[1]}; its kernels are for {kernels}."
        return Graphics(obstacle, versions=versions)
    free, total = torch.cuda.mem_get_info()
    return Graphics(None, name, capability, free, total, versions)


def runs_on(capability: tuple[int, int], built_for: Sequence[str]) -> bool:
    """Whether a GPU runs kernels that were built for such architectures (`sm_80`, `sm_90a`, `compute_90`): code for
    its own generation, no newer than itself, or intermediate code that the driver can still translate."""
    for architecture in built_for:
        kind, _, text = architecture.partition("_")
        number = text.rstrip("af")
        if not number.isdigit():
            continue
        built = divmod(int(number), 10)
        if text != number and built != capability:  # for that very GPU, or for its family
            continue
        if built <= capability and (kind == "compute" or built[0] == capability[0]):
            return True
    return False


def _reason(driver: str | None, cuda: str) -> str:
    """PyTorch's own, and what would be needed."""
    try:
        torch.cuda.init()
        said = "no CUDA device was found"
    except (RuntimeError, AssertionError) as error:
        said = " ".join(str(error).split(". ")[0].split()).rstrip(".")
    oldest = OLDEST_DRIVERS.get(int(cuda.split(".")[0]))
    needed = f"; CUDA {cuda} needs {oldest} or newer" if oldest else ""
    return f"{said}. The driver is {driver}{needed}." if driver else f"{said}. No driver answers{needed}."
