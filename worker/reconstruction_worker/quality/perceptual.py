"""LPIPS (Zhang et al. 2018) with the AlexNet backbone, where its weights are on this machine."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.weights import ALEXNET

from ..weights.checking import problem_of, weights_folder
from ..weights.loading import tensors_of


def why_unavailable() -> str | None:
    """Reason for which LPIPS can't be measured here; None when it can. Nothing is ever downloaded."""
    try:
        problem = problem_of(ALEXNET, weights_folder())
    except ReconstructionError as unreadable:
        return unreadable.message
    if not problem:
        return None
    return f"LPIPS needs {ALEXNET.file} in the folder of weights; the file {problem}, and is not downloaded."


def lpips(picture: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Perceptual distance of pictures [H, W, 3] in 0..1: 0 is equal. Only where `why_unavailable` gives None."""
    with torch.inference_mode():
        return float(_network()(_tensor(picture), _tensor(reference), normalize=True))


@cache
def _network() -> torch.nn.Module:
    """The published layers over AlexNet's: torchmetrics, which has them, would fetch AlexNet's weights by itself."""
    from torchmetrics.functional.image import lpips as published

    network = published._LPIPS(net="alex", pnet_rand=True)
    features = {name.removeprefix(ALEXNET.kept): each for name, each in tensors_of(ALEXNET).items()}
    for number in range(1, network.net.N_slices + 1):
        part = network.net.get_submodule(f"slice{number}")
        part.load_state_dict({name: features[name] for name in part.state_dict()})
    return network.eval()


def _tensor(picture: NDArray[np.floating]) -> torch.Tensor:
    return torch.from_numpy(picture.astype(np.float32).clip(0, 1)).permute(2, 0, 1)[None]
