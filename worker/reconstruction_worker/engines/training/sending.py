"""Small numbers on their way to a device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def sent(arrays: Sequence[NDArray[np.float32]], device: torch.device) -> list[Tensor]:
    """The arrays on the device, float32 and in their shapes: in one copy, for which the processor does not wait."""
    flat = torch.from_numpy(np.concatenate([np.asarray(array, np.float32).ravel() for array in arrays]))
    if device.type == "cuda":
        flat = flat.pin_memory().to(device, non_blocking=True)
    parts = flat.split([array.size for array in arrays])
    return [part.view(array.shape) for part, array in zip(parts, arrays, strict=True)]
