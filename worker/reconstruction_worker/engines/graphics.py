"""What is known of GPUs before anything heavy is imported: whether this pod was given one, and whether the image can
use it."""

from __future__ import annotations

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_GPU, GPU_PROMISED
from reconstruction_api.training import Device

_CUDA_OF_TORCH: Final = re.compile(r"^cuda\b.*=\s*(None|'[^']*')\s*$", re.MULTILINE)
COMPILER: Final = "nvcc"


def gpu_is_promised() -> bool:
    """Whether the profile asks for a device for the pods that train."""
    return os.environ.get(ENV_GPU) == GPU_PROMISED


def check_image(device: Device, engine: EngineSpec, *, promised: bool) -> None:
    """Raises GPUUnavailable or EngineUnavailable for a training on a GPU that this image can't do on any node. Takes no
    GPU and imports nothing: the first pod of a job can tell."""
    if device is Device.CPU or not (engine.needs_gpu or device is Device.CUDA or promised):
        return
    if not torch_is_for_cuda():
        raise ReconstructionError(
            "GPUUnavailable",
            "The image's PyTorch is built for CPUs only, and this training is for a GPU.",
            suggestion="Ask the platform team for an image with CUDA, or set spec.training.device to CPU where the "
            "engine allows it.",
            details={"engine": engine.name},
        )
    for module in engine.gpu_modules:
        if not is_compiled(module):
            library = module.split(".")[0]
            instead = "choose nerfacto" if engine.needs_gpu else "set spec.training.device to CPU, or choose nerfacto"
            raise ReconstructionError(
                "EngineUnavailable",
                f"spec.engine: {engine.name} needs {library}'s CUDA code on a GPU, which this image has neither "
                "compiled nor a CUDA toolkit to compile it with.",
                suggestion=f"Ask the platform team for an image with a compiled {library}, or {instead}.",
                details={"engine": engine.name, "missing": module},
            )


def torch_is_for_cuda() -> bool:
    """Whether the installed PyTorch was built for CUDA; also where none is installed, which others notice."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return True
    found = _CUDA_OF_TORCH.search((Path(spec.origin).parent / "version.py").read_text())
    return found is None or found[1] != "None"


def is_compiled(module: str) -> bool:
    """Whether a compiled module of a package is installed (`gsplat.csrc`), or there is a compiler that makes it when it
    is first used."""
    package, _, name = module.partition(".")
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    return any(any(Path(folder).glob(f"{name}*.so")) for folder in folders) or shutil.which(COMPILER) is not None
