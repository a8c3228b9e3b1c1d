"""What a training step minimised."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Losses:
    """Scalars; `total` is what is minimised."""

    total: Tensor
    mean_square_error: Tensor
    """Of the colours of this batch."""
