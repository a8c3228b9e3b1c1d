"""Depth Anything 3 (Lin et al., 2025): one transformer that sees cameras and depth in up to some dozens of photos.

The package with the networks is an optional extra; its own loader, which fetches weights, is not used. Of the published
networks only those are used whose weights are free for commercial use.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.weights import Network

from ..weights.loading import load_into
from .geometry_network import SeenGeometry
from .network_pictures import LONG_SIDE

PACKAGES: Final = ("depth_anything_3", "einops", "omegaconf", "addict")
EXTRA: Final = "feed-forward"
"""Of this project, that installs the packages."""
PREFIX: Final = "model."
"""Of the tensors' names in the published files."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours, to which pictures are normalised."""


def installed() -> bool:
    """Whether the packages are there; they are not imported."""
    return all(find_spec(package) is not None for package in PACKAGES)


def empty_network(name: str) -> Any:
    """The network of that name with random weights."""
    os.environ.setdefault("DA3_LOG_LEVEL", "WARN")  # read when the package is imported
    from depth_anything_3.cfg import create_object, load_config  # pyright: ignore[reportMissingImports]
    from depth_anything_3.registry import MODEL_REGISTRY  # pyright: ignore[reportMissingImports]

    configuration: Any = load_config(MODEL_REGISTRY[name])
    return create_object(configuration)


class DepthAnything:
    """With the weights that the folder of weights has. Raises WeightsUnavailable."""

    def __init__(self, network: Network, device: str):
        self._network, self._device = network, device
        net = empty_network(network.name)
        load_into(net, network, PREFIX)
        self._net = net.to(device).eval()

    @property
    def name(self) -> str:
        return self._network.name

    @property
    def long_side(self) -> int:
        return LONG_SIDE

    def look(self, pictures: NDArray[np.uint8], focal: NDArray[np.float64]) -> SeenGeometry:
        """It takes focal lengths only together with poses: they are not used."""
        return look(self._net, self._device, pictures)


def look(net: Any, device: str, pictures: NDArray[np.uint8]) -> SeenGeometry:
    """What `net` sees in pictures [N, H, W, 3]."""
    import torch

    numbers = (pictures.astype(np.float32) / 255 - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    batch = torch.from_numpy(numbers).permute(0, 3, 1, 2)[None].to(device)
    with torch.inference_mode():
        # Cameras by the camera token, the reference view chosen by the network: the published settings.
        found = net(batch, None, None, [], False, False, "saddle_balanced")
    camera_from_world = np.tile(np.eye(4), (len(pictures), 1, 1))
    camera_from_world[:, :3] = found["extrinsics"][0, :, :3].double().cpu().numpy()
    intrinsics = found["intrinsics"][0].double().cpu().numpy()
    return SeenGeometry(
        world_from_camera=np.linalg.inv(camera_from_world).astype(np.float64),
        focal=intrinsics[:, [0, 1], [0, 1]],
        depth=found["depth"][0].float().cpu().numpy(),
        confidence=found["depth_conf"][0].float().cpu().numpy(),
    )
