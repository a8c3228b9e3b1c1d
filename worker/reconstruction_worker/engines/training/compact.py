"""What is left of a finished training where `training.resultPrecision` is `Half`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

EXACT = ("means",)
"""Parameters, by the last part of their names, that stay as they are: half precision would move Gaussians by a
thousandth of the scene."""
KEPT = ("belongs_to", "settings", "bounds", "model_schedule", "step")
"""Parts of a checkpoint that are needed to load its model, beside the model itself."""


def compact(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's model in half precision, without what only a training needs (optimisers, random state)."""
    model: dict[str, Tensor] = checkpoint["model"]
    halved = {name: tensor if name.split(".")[-1] in EXACT else _half(tensor) for name, tensor in model.items()}
    return {**{name: checkpoint[name] for name in KEPT if name in checkpoint}, "model": halved}


def _half(tensor: Tensor) -> Tensor:
    """Values that half precision can't hold (above 65504) keep the whole tensor as it is."""
    if tensor.dtype != torch.float32:
        return tensor
    half = tensor.half()
    return half if bool(torch.isfinite(half).all()) else tensor
