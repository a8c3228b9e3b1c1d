"""LPIPS (Zhang et al. 2018) with the AlexNet backbone, where its weights are on this machine."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

BACKBONE = "alexnet-owt-7be5be79.pth"
"""torchvision's file of the ImageNet weights; the name holds the first digits of its sha256."""


def why_unavailable() -> str | None:
    """Reason for which LPIPS can't be measured here; None when it can. Nothing is ever downloaded."""
    file = _weights()
    if not file.is_file():
        return (
            f"LPIPS needs the AlexNet weights {BACKBONE} in the folder hub/checkpoints of TORCH_HOME; "
            "they are not there and are not downloaded."
        )
    with file.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    if not checksum.startswith(BACKBONE.removesuffix(".pth").rpartition("-")[2]):
        return f"The AlexNet weights {BACKBONE} do not match their checksum."
    return None


def lpips(picture: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Perceptual distance of pictures [H, W, 3] in 0..1: 0 is equal. Only where `why_unavailable` gives None."""
    with torch.inference_mode():
        return float(_network()(_tensor(picture), _tensor(reference)))


@cache
def _network() -> torch.nn.Module:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    return LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True).eval()


def _tensor(picture: NDArray[np.floating]) -> torch.Tensor:
    return torch.from_numpy(picture.astype(np.float32).clip(0, 1)).permute(2, 0, 1)[None]


def _weights() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE
