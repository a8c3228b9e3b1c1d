"""MapAnything (Keetha et al., 2025): one transformer that sees cameras and depth in metres, and takes the lenses that
are known.

Its package is in an image of its own (adapters/mapanything). It builds DINOv2 through torch.hub, which would fetch code
and weights: the code is in that image too, and the weights are all in the network's one file. The published network
whose weights are free for commercial use is the one that is used.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.weights import Network

from ..engines.foreign.program import upstream_folder
from ..weights.loading import configuration_of, load_into
from .depth_anything import DEVIATION, MEAN
from .geometry_network import SeenGeometry

PACKAGES: Final = ("mapanything", "uniception", "huggingface_hub", "timm", "omegaconf", "einops")
LONG_SIDE: Final = 518
NEEDED_BYTES: Final = 12 * 2**30
"""Of free GPU memory: weights take 4.9 GB, and what up to thirty photos take has not been measured."""
_PATH: Final = "pretrained_checkpoint_path"
"""Of a part in the configuration: other weights that it would begin with."""


def installed() -> bool:
    """Whether the packages are there; they are not imported."""
    return all(find_spec(package) is not None for package in PACKAGES) and (_dinov2() / "hubconf.py").is_file()


def obstacle() -> str:
    """Why it can't be used here, whatever weights are there; empty where it can."""
    if not installed():
        return "this image of the worker does not have MapAnything (adapters/mapanything)"
    import torch

    if not torch.cuda.is_available():
        return "it works on a GPU only, and there is none that can be used"
    free, total = torch.cuda.mem_get_info()
    if free < NEEDED_BYTES:
        return f"it needs {_gib(NEEDED_BYTES)} of GPU memory; {_gib(free)} of {_gib(total)} are free"
    return ""


class MapAnything:
    """With the weights that the folder of weights has. Raises WeightsUnavailable and EngineUnavailable."""

    def __init__(self, network: Network, device: str):
        self._network = network
        net = empty_network(network)
        load_into(net, network)
        self._net = net.to(device).eval()

    @property
    def name(self) -> str:
        return self._network.name

    @property
    def long_side(self) -> int:
        return LONG_SIDE

    def look(self, pictures: NDArray[np.uint8], focal: NDArray[np.float64]) -> SeenGeometry:
        """Raises GPUOutOfMemory."""
        import torch

        try:
            return look(self._net, pictures, focal)
        except torch.cuda.OutOfMemoryError as error:
            raise ReconstructionError(
                "GPUOutOfMemory",
                f"{self.name} ran out of GPU memory while it looked at {len(pictures)} photos.",
                suggestion="Use fewer photos, a GPU with more memory, or Depth Anything 3: remove the weights of "
                f"{self.name} from the folder that the profile names.",
            ) from error


def empty_network(network: Network) -> Any:
    """The network as its configuration has it, with random weights. Raises WeightsUnavailable where the installed
    package can't be set up so, and EngineUnavailable where that is incomplete."""
    configuration = _without_paths(configuration_of(network))
    try:
        with _without_hydra():
            from mapanything.models import MapAnything as Net  # pyright: ignore[reportMissingImports]

        accepted = inspect.signature(Net.__init__).parameters
        with _local_hub():
            return Net(**{name: each for name, each in configuration.items() if name in accepted})
    except ImportError as error:
        raise ReconstructionError(
            "EngineUnavailable",
            f"The installation of MapAnything is incomplete: {error.name or error} is missing.",
            suggestion="Build the image of adapters/mapanything again (docs/weights.md).",
        ) from error
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ReconstructionError(
            "WeightsUnavailable",
            f"{network.file} is set up as the installed MapAnything can't be: {type(error).__name__}: {error}.",
            suggestion=f"Add {network.upstream.name} with the {network.configuration} that was published with it.",
            details={"network": network.name, "file": network.file},
        ) from error


def look(net: Any, pictures: NDArray[np.uint8], focal: NDArray[np.float64]) -> SeenGeometry:
    """What `net` sees in pictures [N, H, W, 3] of which some focal lengths [N, 2] are known."""
    import torch

    numbers = (pictures.astype(np.float32) / 255 - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    batch = torch.from_numpy(numbers).permute(0, 3, 1, 2)
    height, width = pictures.shape[1:3]
    views: list[dict[str, Any]] = []
    for picture, each in zip(batch, focal, strict=True):
        view: dict[str, Any] = {"img": picture[None], "data_norm_type": ["dinov2"]}
        if np.isfinite(each).all():
            lens = [[each[0], 0, width / 2], [0, each[1], height / 2], [0, 0, 1]]
            view["intrinsics"] = torch.tensor([lens], dtype=torch.float32)
        views.append(view)
    found = net.infer(views, memory_efficient_inference=True, use_amp=True, apply_mask=True, mask_edges=True)

    def stacked(name: str) -> NDArray[np.float64]:
        return np.stack([each[name][0].double().cpu().numpy() for each in found])

    return SeenGeometry(
        world_from_camera=stacked("camera_poses"),
        focal=np.where(np.isfinite(focal), focal, stacked("intrinsics")[:, [0, 1], [0, 1]]),
        depth=stacked("depth_z").reshape(-1, height, width).astype(np.float32),
        confidence=stacked("conf").reshape(-1, height, width).astype(np.float32),
        metric=True,
    )


def _dinov2() -> Path:
    return upstream_folder("dinov2")


@contextmanager
def _local_hub() -> Iterator[None]:
    """While the network is built, what it asks torch.hub for is DINOv2 as the image has it, without weights."""
    import torch

    load = torch.hub.load

    def local(_repository: str, model: str, *_: Any, **__: Any) -> Any:
        return load(str(_dinov2()), model, source="local", pretrained=False)

    torch.hub.load = local
    try:
        yield
    finally:
        torch.hub.load = load


@contextmanager
def _without_hydra() -> Iterator[None]:
    """While the package is imported: it reads settings of its training with hydra, which asks for another antlr4 than
    the worker's omegaconf."""
    if "hydra" in sys.modules:
        yield
        return
    sys.modules["hydra"] = ModuleType("hydra")
    try:
        yield
    finally:
        del sys.modules["hydra"]


def _without_paths(part: Any) -> Any:
    """The configuration, or a part of it, asking for no other file of weights: all are in the one that is loaded."""
    if not isinstance(part, dict):
        return part
    return {name: None if name == _PATH else _without_paths(each) for name, each in part.items()}


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
